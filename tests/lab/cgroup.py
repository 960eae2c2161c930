"""A machine's processes as one thing that can be watched, frozen and killed.

Killing the systemd-nspawn process leaves the whole machine running as orphans. Its cgroup ends both
at once, needs no pid file, and works after a crash of whoever started it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.commands import wait_for
from tests.lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOUNT = Path("/sys/fs/cgroup")
_PARENT = "stagegate-lab"
_DIES_WITHIN = 60.0


class Cgroup:
    """The cgroup (version 2) of one machine, or of what is to be stopped as one.

    Each machine has one of its own, because machines started from one cgroup would share the
    `payload` group that nspawn makes in it.
    """

    def __init__(self, name: str, parent: str = _PARENT) -> None:
        self.name = name
        self.parent = parent
        self.path = _unified() / parent / name

    def is_populated(self) -> bool:
        """Tell whether any process of the machine lives."""
        return "populated 1" in self._read("cgroup.events")

    def is_frozen(self) -> bool:
        """Tell whether the machine stands still."""
        return self._read("cgroup.freeze").strip() == "1"

    def freeze(self) -> None:
        """Stop every process of the machine where it is; returns once all stand."""
        self._write("cgroup.freeze", "1")
        wait_for(lambda: "frozen 1" in self._read("cgroup.events"), 10, f"freezing {self.name}")

    def thaw(self) -> None:
        """Let the machine go on."""
        self._write("cgroup.freeze", "0")

    def kill(self) -> None:
        """End every process of the machine; returns once none is left."""
        if self.path.exists():
            self._write("cgroup.kill", "1")
            self.wait_until_gone(_DIES_WITHIN)
            self.thaw()

    def wait_until_gone(self, deadline: float) -> None:
        """Return once no process of the machine lives."""
        wait_for(lambda: not self.is_populated(), deadline, f"the end of {self.name}'s processes")

    def leader(self) -> int:
        """Return the machine's init as this side numbers it."""
        first = self._read("payload/init.scope/cgroup.procs").split()
        if not first:
            raise LabError(f"{self.name} is off; boot it: python -m tests.lab power-on {self.name}")
        return int(first[0])

    def processes(self) -> list[int]:
        """Return every process of the machine as this side numbers it."""
        files = (self.path / "payload").rglob("cgroup.procs")
        return [int(pid) for file in files for pid in file.read_text(encoding="ascii").split()]

    def remove(self) -> None:
        """Remove the empty group, here and where nspawn made another beside it."""
        for top in (_unified(), _MOUNT / "systemd"):
            for group in _deepest_first(top / self.parent / self.name):
                group.rmdir()

    def _read(self, file: str) -> str:
        try:
            return (self.path / file).read_text(encoding="ascii")
        except FileNotFoundError:
            return ""

    def _write(self, file: str, value: str) -> None:
        (self.path / file).write_text(value, encoding="ascii")


def remove_parent() -> None:
    """Remove the group above all machines; they are gone."""
    for top in (_unified(), _MOUNT / "systemd"):
        if (top / _PARENT).exists():
            (top / _PARENT).rmdir()


def _unified() -> Path:
    """Return the version 2 hierarchy: alone on a current system, beside version 1 on others."""
    beside = _MOUNT / "unified"
    return beside if beside.exists() else _MOUNT


def _deepest_first(path: Path) -> Iterator[Path]:
    if path.exists():
        for child in path.iterdir():
            if child.is_dir():
                yield from _deepest_first(child)
        yield path
