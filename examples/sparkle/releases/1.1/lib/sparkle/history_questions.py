"""What was learned from the executions of tools, over HTTP; kept for a moment in the cache."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from sparkle.cache import group_of
from sparkle.history_routes import ToolName
from sparkle.messages import Limit
from sparkle.service import Service
from sparkle.tool_history_service import RECENT_DAYS, ToolHistoryService
from sparkle.tool_preference_router import ToolPreferenceRouter
from sparkle.users import UserId

KEPT = 5  # seconds
Days = Annotated[int, Query(ge=1, le=3650)]
ToolNames = Annotated[list[ToolName], Query(min_length=1, max_length=20)]


def router(service: Service) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/history", tags=["history"])
    history, preferences = service.part(ToolHistoryService), service.part(ToolPreferenceRouter)
    kept = service.cache.kept

    @routes.get("/success-rate")
    def success_rate(
        user_id: UserId, tool_name: ToolName, days: Days = RECENT_DAYS
    ) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            return history.get_tool_success_rate(user_id, tool_name, days)

        return kept(group_of(user_id), f"rate:{days}:{tool_name}", KEPT, ask)

    @routes.get("/preferred")
    def preferred_tools(user_id: UserId, limit: Limit = 5) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            return {"tools": history.get_user_preferred_tools(user_id, limit)}

        return kept(group_of(user_id), f"preferred:{limit}", KEPT, ask)

    @routes.get("/statistics")
    def statistics(user_id: UserId, tool_name: ToolName | None = None) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            return history.get_tool_statistics(user_id, tool_name)

        return kept(group_of(user_id), f"statistics:{tool_name or ''}", KEPT, ask)

    @routes.get("/failed")
    def failed_tools(
        user_id: UserId, tool_name: ToolName | None = None, limit: Limit = 5
    ) -> dict[str, Any]:
        return {"failed": history.get_recent_failed_tools(user_id, tool_name, limit)}

    @routes.get("/preferences")
    def preferences_learned(user_id: UserId, tool_name: ToolNames) -> dict[str, Any]:
        return {"tools": preferences.explain_choice(user_id, tool_name)}

    return routes
