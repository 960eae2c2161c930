"""The one place where time comes from; tests and the model check bring their own."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """What the core asks of time."""

    def wall(self) -> str:
        """UTC now, ISO 8601 with microseconds."""

    def mono(self) -> float:
        """Seconds that never go back while the host is up."""

    def boot_id(self) -> str:
        """Names this boot of the host; another one means that all its processes are gone."""


class SystemClock:
    """The host's own clock."""

    def wall(self) -> str:
        """UTC now, ISO 8601 with microseconds."""
        return datetime.now(timezone.utc).isoformat(timespec="microseconds")

    def mono(self) -> float:
        """Seconds that never go back while the host is up."""
        return round(time.monotonic(), 6)

    def boot_id(self) -> str:
        """The kernel's random id of this boot, or "unknown" where there is none (macOS)."""
        place = Path("/proc/sys/kernel/random/boot_id")
        return place.read_text().strip() if place.exists() else "unknown"
