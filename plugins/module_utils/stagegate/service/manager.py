"""What the core asks of a service manager, and what that says of a process."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .model import Fleet, Service

RESULTS = {
    "oom-kill": "the kernel killed it for want of memory",
    "start-limit-hit": "it died so often that it is not started any more",
    "exec-condition": "the start guard stands, or its check could not be run",
    "timeout": "it did not start or stop in time",
    "watchdog": "it stopped answering its watchdog",
    "core-dump": "it crashed",
    "not-found": "its unit does not exist",
    "masked": "its unit is masked",
}


@dataclass(frozen=True)
class ProcessState:
    """One service as its manager sees it.

    ``active`` and ``sub`` and ``result`` in the words of systemd; ``restarts`` counts starts that
    nobody asked for; ``invocation`` is new for every start. ``files`` are all files that make up
    its unit, the first one its own.
    """

    exists: bool = False
    active: str = "inactive"
    sub: str = "dead"
    result: str = "success"
    status: int = 0
    main_pid: int = 0
    restarts: int = 0
    invocation: str = ""
    enabled: bool = False
    files: tuple[str, ...] = ()

    @property
    def running(self) -> bool:
        """True while its main process runs."""
        return self.active in ("active", "reloading") and self.main_pid > 0

    @property
    def stopped(self) -> bool:
        """True when nothing runs and nothing is about to."""
        return self.active in ("inactive", "failed") and self.main_pid == 0

    def ending(self) -> str:
        """How its process ended, in words."""
        if self.result == "exit-code":
            return f"it ended with status {self.status}"
        if self.result == "signal":
            return f"it was ended by signal {self.status}"
        if self.result == "success":
            return "it ended by itself, with status 0" if self.exists else RESULTS["not-found"]
        return RESULTS.get(self.result, self.result)

    def restarted(self, expected: int) -> str:
        """That it was restarted more often than expected, in words."""
        times = self.restarts - expected
        how = "" if self.running and self.result == "success" else f" ({self.ending()})"
        return f"it died and was restarted {times} time{'s' if times > 1 else ''}{how}"


class ServiceManager(Protocol):
    """A service manager: systemd, or supervisor without root.

    Starting and stopping are requests; whether they came true is read back. Everything that fails
    raises StepFailed with the manager's own words.
    """

    def unit_path(self, name: str) -> Path:
        """Where the description of a service lies."""

    def render(self, service: Service, fleet: Fleet) -> str:
        """The description that a service must have."""

    def read(self, names: Iterable[str]) -> Mapping[str, ProcessState]:
        """What each of these services is now."""

    def pids(self, name: str) -> tuple[int, ...]:
        """Every process of a service, also those that left their parent."""

    def reload(self) -> None:
        """Read the descriptions again after they changed."""

    def enable(self, names: Iterable[str], on: bool) -> None:
        """Start these services with the host from now on, or not any more."""

    def start(self, name: str) -> int:
        """Begin to start a service; return the restarts it shows as long as it never dies."""

    def stop(self, name: str) -> None:
        """Ask a service to end."""

    def kill(self, name: str) -> None:
        """End every process of a service at once."""

    def last_words(self, name: str) -> list[str]:
        """The last lines that a service wrote: at most 20, without control characters."""


class Pace:
    """Time for those who wait: tests bring one that does not."""

    def mono(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Let time pass between two looks at a condition."""
        time.sleep(seconds)


@dataclass(frozen=True)
class Host:
    """The services of one system, their manager, and the time."""

    fleet: Fleet
    manager: ServiceManager
    pace: Pace
