"""What this release puts around the whole service; a later release replaces this file."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp

LAYERS: tuple[Callable[[ASGIApp], ASGIApp], ...] = ()
