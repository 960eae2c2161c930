"""What this release offers beyond the base service; a later release replaces this file."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from sparkle import collaboration_routes, history_questions, history_routes
from sparkle.service import Service

ROUTERS: tuple[Callable[[Service], APIRouter], ...] = (
    history_routes.router,
    history_questions.router,
    collaboration_routes.router,
)
