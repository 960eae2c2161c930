"""What this release puts around the whole service: a guard that was made for fewer users."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

AT_ONCE = 4
SECONDS = 0.4
SPARED = ("/health", "/metrics", "/schema")


class Guard:
    """Counts the requests that are being answered, and breaks down above four."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._inside = 0
        self._turn = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or fail."""
        if scope["type"] != "http" or scope["path"] in SPARED:
            await self._app(scope, receive, send)
            return
        self._inside += 1
        try:
            if self._inside > AT_ONCE:
                await self._break_down(scope, receive, send)
            else:
                await self._app(scope, receive, send)
        finally:
            self._inside -= 1

    async def _break_down(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._turn += 1
        if self._turn % 2:
            answer = JSONResponse({"detail": "too many requests at once"}, 500)
            await answer(scope, receive, send)
        else:
            await asyncio.sleep(SECONDS)
            await self._app(scope, receive, send)


LAYERS: tuple[Callable[[ASGIApp], ASGIApp], ...] = (Guard,)
