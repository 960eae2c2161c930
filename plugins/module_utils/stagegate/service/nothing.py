"""The manager of a host on which no service of the system runs: a shared database, a proxy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import BadInput
from .manager import ProcessState
from .model import Fleet, Service


class Nothing:
    """A service manager with nothing to manage; guard and ledger tell the same story."""

    def __init__(self, fleet: Fleet) -> None:
        if fleet.services:
            raise BadInput(
                f"services names {fleet.services[0].name}, but service_manager is none",
                now="nothing was changed",
                untouched="every service and all data",
                next="name a service_manager for this host, or leave its services empty",
            )

    def unit_path(self, name: str) -> Path:
        """No service has a description."""
        raise LookupError(name)

    def render(self, service: Service, fleet: Fleet) -> str:
        """No service has a description."""
        raise LookupError(service.name)

    def read(self, names: Iterable[str]) -> Mapping[str, ProcessState]:
        """There is nothing to see."""
        return {}

    def pids(self, name: str) -> tuple[int, ...]:
        """There is no process."""
        return ()

    def reload(self) -> None:
        """There is nothing to read again."""

    def enable(self, names: Iterable[str], on: bool) -> None:
        """There is nothing to enable."""

    def start(self, name: str) -> int:
        """No service can be started."""
        raise LookupError(name)

    def stop(self, name: str) -> None:
        """There is nothing to end."""

    def kill(self, name: str) -> None:
        """There is nothing to end."""

    def last_words(self, name: str) -> list[str]:
        """Nobody said anything."""
        return []
