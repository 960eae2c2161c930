"""A message, and how its text lies in its row: compressed, from this release on."""

from __future__ import annotations

import base64
import zlib
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, String, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from sparkle.tables import Base

PLAIN, COMPRESSED = "plain", "zlib"


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
    packed = base64.b64encode(zlib.compress(text.encode())).decode()
    return {"text": packed, "encoding": COMPRESSED}


def text_of(message: Message) -> str:
    """Return the text that a row holds."""
    if message.encoding == COMPRESSED:
        return zlib.decompress(base64.b64decode(message.text)).decode()
    if message.encoding != PLAIN:
        raise UnreadableMessage(f"message {message.key} is encoded as {message.encoding}")
    return message.text
