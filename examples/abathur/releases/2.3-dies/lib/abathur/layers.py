"""What this release puts around the whole service: a watchdog that takes the process down."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

from starlette.types import ASGIApp

AFTER = 5.0


def watchdog(app: ASGIApp) -> ASGIApp:
    """Start the watchdog; it believes after `AFTER` seconds that the process hangs."""
    timer = threading.Timer(AFTER, _give_up)
    timer.daemon = True
    timer.start()
    return app


def _give_up() -> None:
    print("abathur-api: watchdog: no heartbeat", file=sys.stderr, flush=True)
    os._exit(1)


LAYERS: tuple[Callable[[ASGIApp], ASGIApp], ...] = (watchdog,)
