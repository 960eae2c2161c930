"""The tables that every release has as they are; messages, which change, are apart."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Identity, String, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """What the tables have in common."""


class User(Base):
    """Somebody who writes messages and asks questions."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
