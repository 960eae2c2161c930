"""What a case asks of a system that it tortures, wherever that runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol

from tests.scenario.invariants import Seen
from tests.torture.command import Command
from tests.torture.points import Point

PLACE = Path("/var/lib/stagegate-torture")
"""Where the worlds and what was covered are kept."""
CGROUPS = "stagegate-torture"
"""The group above the processes of all worlds."""


class System(Protocol):
    """Its name, and two good releases that follow each other."""

    @property
    def name(self) -> str:
        """The system's name."""

    @property
    def good(self) -> tuple[str, str]:
        """Two good releases that follow each other."""

    @property
    def forgets(self) -> float:
        """Seconds of acknowledged writes that the store itself may lose with the power."""


class Writers(Protocol):
    """Users who write while a ``with`` block runs, and what they were acknowledged."""

    log: Path

    def __enter__(self) -> object:
        """Begin to write."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""

    def wait_for(self, writes: int) -> None:
        """Return once so many more writes were acknowledged."""

    def lost(self) -> str:
        """The acknowledged writes that are not there, a line each."""


class World(Protocol):
    """A system with its hosts, the moments that can be gone back to, and the ways to hit it."""

    directory: Path
    red: Point
    """Where an error makes a good release red."""

    @property
    def system(self) -> System:
        """What runs here."""

    def make(self) -> None:
        """Make it anew, with nothing deployed."""

    def is_whole(self) -> bool:
        """Tell whether all that the kept moments need is still there."""

    def save(self, moment: str) -> None:
        """Keep this moment."""

    def go_back(self, moment: str) -> None:
        """Be at a kept moment again, with everything running as it did."""

    def rest(self) -> None:
        """End all processes; the kept moments stay."""

    def start(
        self, artifacts: Path, words: tuple[str, ...], environment: Mapping[str, str] | None = None
    ) -> Command:
        """Start a playbook."""

    def counters(self, point: Point) -> Path:
        """Where a failpoint counts, as it is seen from outside of the point's host."""

    def place(self, point: Point) -> str:
        """The same directory as the host names it."""

    def lose_host(self, command: Command, point: Point) -> None:
        """Cut the power of the point's host; it is back once the command is over."""

    def wait_until_idle(self) -> None:
        """Return once nobody is at work on any host."""

    def seen(self) -> list[Seen]:
        """What is true now on each host."""

    def serving(self, host: Seen) -> list[str]:
        """The services that must run on a host once a run is over."""

    def writing(self, scratch: Path) -> Writers:
        """Users who write."""
