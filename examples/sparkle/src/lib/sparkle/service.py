"""The running service: what its parts share."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sparkle.cache import Cache
from sparkle.database import Database
from sparkle.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True)
class Identity:
    """Who answers: the release's version, and an id that no other start of the process has."""

    version: str
    instance: str = field(default_factory=lambda: uuid.uuid4().hex)
    started: float = field(default_factory=time.monotonic)

    def uptime(self) -> float:
        """Return the seconds since the start."""
        return round(time.monotonic() - self.started, 3)


class Service:
    """Identity, database and cache of this process, and the one instance of each of its parts."""

    def __init__(self, settings: Settings, version: str) -> None:
        self.identity = Identity(version)
        self.database = Database(settings.database, f"sparkle-api/{version}")
        self.cache = Cache(settings.redis, settings.redis_password)
        self._parts: dict[Callable[[Service], Any], Any] = {}

    def part(self, kind: Callable[[Service], T]) -> T:
        """Return this service's instance of `kind`, made at the first call."""
        if kind not in self._parts:
            self._parts[kind] = kind(self)
        return self._parts[kind]

    def close(self) -> None:
        """Let every part that has something to finish do so, then close the connections."""
        for part in self._parts.values():
            if hasattr(part, "close"):
                part.close()
        self.cache.close()
        self.database.close()
