"""What this release puts around the whole service: a fault that comes when nobody expects it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

SECONDS = 0.25
SPARED = ("/health", "/metrics")


class Fatigue:
    """Holds every request back once the service is tired."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._sign = Path(os.environ["ABATHUR_DATABASE"]).parent.parent / "tired"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, perhaps later."""
        if scope["type"] == "http" and scope["path"] not in SPARED and self._sign.exists():
            await asyncio.sleep(SECONDS)
        await self._app(scope, receive, send)


LAYERS: tuple[Callable[[ASGIApp], ASGIApp], ...] = (Fatigue,)
