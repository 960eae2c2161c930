"""What this release puts around the whole service: a review of one request in twenty."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

EVERY = 20
SECONDS = 0.25
SPARED = ("/health", "/metrics")


class Review:
    """Holds every twentieth request back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, perhaps later."""
        counted = scope["type"] == "http" and scope["path"] not in SPARED
        if counted and next(self._numbers) % EVERY == 0:
            await asyncio.sleep(SECONDS)
        await self._app(scope, receive, send)


LAYERS: tuple[Callable[[ASGIApp], ASGIApp], ...] = (Review,)
