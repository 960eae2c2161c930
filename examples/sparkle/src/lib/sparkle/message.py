"""A message, and how its text lies in its row; later releases replace this file.

The column `encoding` names the form of the text. A form that this release does not know is never
guessed at: reading such a row fails.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, String, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from sparkle.tables import Base

PLAIN = "plain"


class UnreadableMessage(Exception):
    """A row holds a text in a form that this release does not know."""


class Message(Base):
    """What somebody wrote, under a key of the writer's choice."""

    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(String(100), unique=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    text: Mapped[str] = mapped_column(Text)
    encoding: Mapped[str] = mapped_column(String(20), server_default=PLAIN)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


def columns_of(text: str) -> dict[str, str]:
    """Return what a row holds for `text`."""
    return {"text": text, "encoding": PLAIN}


def text_of(message: Message) -> str:
    """Return the text that a row holds."""
    if message.encoding != PLAIN:
        raise UnreadableMessage(f"message {message.key} is encoded as {message.encoding}")
    return message.text
