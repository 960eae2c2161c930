"""One execution of a tool, as it is remembered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Identity, String, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from sparkle.tables import Base


class UserToolHistory(Base):
    """A tool that a user had executed, how that went, and what the user thought of it."""

    __tablename__ = "user_tool_history"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    tool_name: Mapped[str] = mapped_column(String(100))
    success: Mapped[bool]
    execution_time_ms: Mapped[int | None]
    error_message: Mapped[str | None] = mapped_column(String(500))
    context_snapshot: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    tool_category: Mapped[str | None] = mapped_column(String(50))
    error_type: Mapped[str | None] = mapped_column(String(100))
    input_args: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    output_summary: Mapped[str | None] = mapped_column(String(500))
    user_satisfaction: Mapped[int | None]
    was_helpful: Mapped[bool | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
