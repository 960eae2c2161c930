"""The server's own process: stopped and started by the host's service manager."""

from __future__ import annotations

import time
from typing import Protocol

from ..errors import StepFailed
from ..service.manager import ProcessState
from ..service.systemd import Systemd

LOOK = 0.2


class Unit(Protocol):
    """What a restore asks of the process; it comes true before a call returns."""

    def exists(self) -> bool:
        """True when there is such a process to manage."""

    def start(self) -> None:
        """Start the server. Raises StepFailed when it does not run."""

    def stop(self) -> None:
        """Stop the server and wait until nothing of it is left. Raises StepFailed."""


class SystemdUnit:
    """A unit of systemd; ``seconds`` is how long a large server may take to save or to load."""

    def __init__(self, name: str, seconds: float, manager: Systemd | None = None) -> None:
        self.name = name
        self.seconds = seconds
        self.manager = manager or Systemd()

    def read(self) -> ProcessState:
        """The unit as systemd sees it."""
        return self.manager.read([self.name])[self.name]

    def exists(self) -> bool:
        """True for a unit that systemd knows."""
        return self.read().exists

    def start(self) -> None:
        """Start the unit; it is ready once it has loaded its data (Type=notify)."""
        unit = f"{self.name}.service"
        self.manager.run(["systemctl", "reset-failed", "--", unit])
        self.manager.must("start", "--no-block", "--", unit)
        self.wait("start", running=True)

    def stop(self) -> None:
        """Stop the unit, which may save first."""
        self.manager.stop(self.name)
        self.wait("stop", running=False)
        left = self.manager.pids(self.name)
        if left:
            raise StepFailed(f"processes of {self.name} are left after its stop: {list(left)}")

    def wait(self, act: str, *, running: bool) -> None:
        """Return once the unit is as it should be. Raises StepFailed with its last words."""
        end = time.monotonic() + self.seconds
        while True:
            state = self.read()
            there = state.running if running else state.stopped
            failed = running and state.active == "failed"
            if there:
                return
            if failed or time.monotonic() > end:
                words = "; ".join(self.manager.last_words(self.name)[-3:])
                raise StepFailed(
                    f"{self.name} does not {act}: {state.ending()} ({state.active}): {words}",
                    now="the services are held by the start guard",
                    untouched="the image and what was kept of the former data",
                    next=f"see `systemctl status {self.name}`, then run the same command again",
                )
            time.sleep(LOOK)
