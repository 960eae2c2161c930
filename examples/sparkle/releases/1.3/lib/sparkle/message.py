"""A message, and how its text lies in its row: normalised, the first line apart, with a digest."""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, String, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from sparkle.tables import Base

PLAIN = "plain"


class UnreadableMessage(Exception):
    """A row holds a text in a form that this release does not know, or not the one it was."""


class Message(Base):
    """What somebody wrote, under a key of the writer's choice; a single line has no body."""

    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(String(100), unique=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    subject: Mapped[str] = mapped_column(Text)
    body: Mapped[str | None] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(64))
    encoding: Mapped[str] = mapped_column(String(20), server_default=PLAIN)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


def digest_of(text: str) -> str:
    """Return what tells one text from another."""
    return hashlib.sha256(text.encode()).hexdigest()


def columns_of(text: str) -> dict[str, Any]:
    """Return what a row holds for `text`."""
    form = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    subject, line_end, body = form.partition("\n")
    return {
        "subject": subject,
        "body": body if line_end else None,
        "encoding": PLAIN,
        "digest": digest_of(form),
    }


def text_of(message: Message) -> str:
    """Return the text that a row holds."""
    if message.encoding != PLAIN:
        raise UnreadableMessage(f"message {message.key} is encoded as {message.encoding}")
    text = message.subject if message.body is None else f"{message.subject}\n{message.body}"
    if digest_of(text) != message.digest:
        raise UnreadableMessage(f"message {message.key} is not what was written")
    return text
