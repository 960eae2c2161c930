"""What this release proves of itself beyond the base service; a later one replaces this file."""

from __future__ import annotations

from collections.abc import Callable

from sparkle.trial import Client

# Checks of the self-test, each with its name.
CHECKS: tuple[tuple[str, Callable[[Client], None]], ...] = ()
