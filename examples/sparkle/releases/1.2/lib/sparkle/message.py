"""A message, and how its text lies in its row: the first line apart from the rest."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, String, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from sparkle.tables import Base

PLAIN = "plain"


class UnreadableMessage(Exception):
    """A row holds a text in a form that this release does not know."""


class Message(Base):
    """What somebody wrote, under a key of the writer's choice; a single line has no body."""

    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(String(100), unique=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    subject: Mapped[str] = mapped_column(Text)
    body: Mapped[str | None] = mapped_column(Text)
    encoding: Mapped[str] = mapped_column(String(20), server_default=PLAIN)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


def columns_of(text: str) -> dict[str, Any]:
    """Return what a row holds for `text`."""
    subject, line_end, body = text.partition("\n")
    return {"subject": subject, "body": body if line_end else None, "encoding": PLAIN}


def text_of(message: Message) -> str:
    """Return the text that a row holds."""
    if message.encoding != PLAIN:
        raise UnreadableMessage(f"message {message.key} is encoded as {message.encoding}")
    return message.subject if message.body is None else f"{message.subject}\n{message.body}"
