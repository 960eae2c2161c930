"""Executions of tools over HTTP: recorded, listed, judged, forgotten."""

from __future__ import annotations

import asyncio
import queue
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel, Field
from sqlalchemy import select

from sparkle.messages import Limit
from sparkle.service import Service
from sparkle.tool_history import UserToolHistory
from sparkle.tool_history_service import KEPT_DAYS, ToolHistoryService
from sparkle.users import LARGEST_ID, UserId

ToolName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\w.:-]+$")]
Text = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]


class Execution(BaseModel):
    """An execution of a tool to be recorded."""

    user_id: UserId
    tool_name: ToolName
    success: bool
    execution_time_ms: int | None = Field(None, ge=0, le=LARGEST_ID)
    error_message: Text | None = None
    error_type: Annotated[str, Field(max_length=100)] | None = None
    tool_category: Annotated[str, Field(max_length=50)] | None = None
    context_snapshot: dict[str, Any] | None = None
    input_args: dict[str, Any] | None = None
    output_summary: Text | None = None


class Feedback(BaseModel):
    """What a user thought of an execution."""

    user_satisfaction: int = Field(ge=1, le=5)
    was_helpful: bool | None = None


class Cleanup(BaseModel):
    """What may go; nothing younger than 90 days ever does."""

    older_than_days: int = Field(KEPT_DAYS, ge=KEPT_DAYS, le=3650)
    batch: int = Field(1000, ge=1, le=10_000)


def router(service: Service) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["history"])
    history = service.part(ToolHistoryService)

    @routes.post("/history", status_code=202)
    async def record(given: Execution, answer: Response, durable: bool = False) -> dict[str, Any]:
        try:
            written = history.record_tool_execution(**given.model_dump())
        except queue.Full:
            raise HTTPException(503, "too many executions wait to be recorded") from None
        if not durable:
            return {"accepted": True}
        answer.status_code = 201
        return {"id": await asyncio.wrap_future(written)}

    @routes.get("/history")
    def list_history(user_id: UserId, limit: Limit = 10) -> dict[str, Any]:
        newest = select(UserToolHistory).where(UserToolHistory.user_id == user_id)
        newest = newest.order_by(UserToolHistory.created_at.desc(), UserToolHistory.id.desc())
        with service.database.session() as session:
            return {"history": [shown(row) for row in session.scalars(newest.limit(limit))]}

    @routes.put("/history/{record_id}/satisfaction")
    def satisfaction(record_id: UserId, given: Feedback) -> dict[str, Any]:
        known = history.update_user_satisfaction(
            record_id, given.user_satisfaction, given.was_helpful
        )
        if not known:
            raise HTTPException(404, f"there is no execution {record_id}")
        return {"id": record_id, **given.model_dump()}

    @routes.post("/history/cleanup")
    def cleanup(given: Cleanup) -> dict[str, Any]:
        return {"deleted": history.cleanup_old_records(given.older_than_days, given.batch)}

    return routes


def shown(row: UserToolHistory) -> dict[str, Any]:
    """Return an execution as it is told."""
    values = {column.key: getattr(row, column.key) for column in UserToolHistory.__table__.columns}
    moments = {name: values[name].isoformat() for name in ("created_at", "updated_at")}
    return {**values, **moments}
