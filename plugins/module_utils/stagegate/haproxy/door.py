"""One server of the door: set, read back, waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..errors import StepFailed
from .config import Survival, keep_states, read_survival, worker_pid
from .model import Door
from .runtime import Runtime
from .servers import Server, find_server, read_backend

LOOK = 0.1
"""Seconds between two looks: HAProxy tells nobody of a change, it can only be asked."""

REPEATS = 3
"""How often a state that was lost to a reload is set again before we give up."""


@dataclass
class Handle:
    """A door in use; ``repeated`` counts the states that had to be set again."""

    door: Door
    runtime: Runtime
    survival: Survival = field(init=False)
    pid: str = field(init=False)
    repeated: int = 0

    def __post_init__(self) -> None:
        self.survival = read_survival(self.runtime, self.door.backend)
        self.pid = worker_pid(self.runtime)

    def all(self) -> Mapping[str, Server]:
        """The backend's servers, now."""
        return read_backend(self.runtime, self.door.backend)

    def look(self) -> Server:
        """The door's own server, now."""
        return find_server(self.all(), self.door)

    def set_admin(self, wanted: str) -> Server:
        """Set the administrative state, and return the server once it is read back so."""
        self.order_admin(wanted)
        return self.check_admin(wanted)

    def order_admin(self, wanted: str) -> None:
        """Ask for an administrative state, without looking."""
        self.runtime.order(f"set server {self.door.name} state {wanted}")

    def check_admin(self, wanted: str) -> Server:
        """The server, in a state that it was set to; set once more what a reload took away.

        Raises StepFailed when HAProxy does not keep it.
        """
        server = self.look()
        while server.admin != wanted:
            if self.repeated >= REPEATS:
                raise StepFailed(
                    f"HAProxy does not keep {self.door.name} in {wanted}: it is in {server.admin} "
                    f"after it was set {REPEATS} times more",
                    now=f"{self.door.name} is {server.status}",
                    untouched="every service and all data",
                    next="find out what reloads HAProxy or sets its servers, then run this again",
                )
            self.repeated += 1
            self.order_admin(wanted)
            server = self.look()
        return server

    def wait(self, wanted: str, enough: Callable[[Server], bool], seconds: float) -> Server:
        """The server as soon as it is as it should be, or as it is when the time is over."""
        end = time.monotonic() + seconds
        while True:
            server = self.check_admin(wanted)
            if enough(server) or time.monotonic() >= end:
                return server
            time.sleep(LOOK)

    def keep(self) -> str:
        """Put the present states where a reload finds them; the file, or nothing."""
        keep_states(self.runtime, self.survival, self.door.backend)
        return self.survival.file

    def account(self) -> dict[str, object]:
        """What the report shows of the way, beside the states."""
        pid = worker_pid(self.runtime)
        return {
            "repeated": self.repeated,
            "reloaded": pid != self.pid,
            "kept_in": self.survival.file or None,
        }


def idle(server: Server) -> bool:
    """True when nobody is being answered by the server, and nobody waits for it."""
    return server.sessions == 0 and server.queued == 0


def opened(door: Door) -> Handle:
    """The door, answering. Raises StepFailed when it does not."""
    return Handle(door, Runtime(door.socket))
