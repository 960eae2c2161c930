"""Directories that turn read-only under those who use them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tests.lab.inside import directory_of, one_process_a_namespace, run_in_mounts_of

if TYPE_CHECKING:
    from tests.lab.home import MachineFiles

# A flag that nobody else sets on a mount: what carries it and `ro` is ours, whoever forgot it
# there.
_MARK = "nodiratime"


@dataclass(frozen=True)
class Mount:
    """One line of a process's mountinfo; `options` are the mount's own, not the file system's."""

    number: str
    parent: str
    point: str
    options: tuple[str, ...]

    @property
    def is_writable(self) -> bool:
        """Tell whether one may write through it."""
        return "ro" not in self.options

    @property
    def is_ours(self) -> bool:
        """Tell whether it is read-only because of the lab."""
        return {"ro", _MARK} <= set(self.options)


def make_read_only(files: MachineFiles, directory: str) -> None:
    """Make a directory of the machine read-only for every process in it, running or yet to start.

    It is mounted over itself, and every mount at or below it is remounted read-only in each of the
    machine's mount namespaces: the flag does not travel from the machine's own to those that
    sandboxed services have. Opening for writing, creating, renaming and removing fail with EROFS; a
    file that is open for writing already stays writable, as no way to take that back from outside
    exists.
    """
    directory_of(files, directory)
    processes = one_process_a_namespace(files)
    init = processes[0]
    if directory not in [mount.point for mount in visible(read_mounts(init))]:
        run_in_mounts_of(init, ["mount", "--bind", directory, directory])
    for process in processes:
        for mount in visible(read_mounts(process)):
            if mount.is_writable and _is_at_or_below(mount.point, directory):
                _remount(process, mount, ("ro", _MARK))


def make_writable(files: MachineFiles) -> None:
    """Take every `make_read_only` of the machine back.

    The directory stays mounted over itself until the machine's next boot: taken away, it would be
    gone from under the sandboxed services that started meanwhile.
    """
    for process in one_process_a_namespace(files):
        for mount in visible(read_mounts(process)):
            if mount.is_ours:
                _remount(process, mount, ("rw", "diratime"))


def read_mounts(process: int) -> list[Mount]:
    """Return the mounts that a process has, in the order in which the kernel lists them."""
    lines = Path(f"/proc/{process}/mountinfo").read_text(encoding="utf-8").splitlines()
    fields = [line.split(" ") for line in lines]
    return [Mount(f[0], f[1], f[4], tuple(f[5].split(","))) for f in fields]


def visible(mounts: list[Mount]) -> list[Mount]:
    """Return those mounts that their own path leads to; the others lie beneath a later one."""
    return [mount for mount in mounts if _at(mounts, mount.point) == mount]


def _at(mounts: list[Mount], path: str) -> Mount | None:
    """Follow a path from the root through every mount on its way, as the kernel does."""
    on = {(mount.parent, mount.point): mount for mount in mounts}
    numbers = {mount.number for mount in mounts}
    here = next((m for m in mounts if m.point == "/" and m.parent not in numbers), None)
    for step in [*reversed(PurePosixPath(path).parents), PurePosixPath(path)]:
        while here and (here.number, str(step)) in on:
            here = on[here.number, str(step)]
    return here


def _remount(process: int, mount: Mount, change: tuple[str, str]) -> None:
    kept = [option for option in mount.options if option not in ("ro", "rw", _MARK)]
    options = ",".join(["remount", "bind", *kept, *change])
    run_in_mounts_of(process, ["mount", "-o", options, mount.point])


def _is_at_or_below(path: str, directory: str) -> bool:
    return PurePosixPath(directory) in (PurePosixPath(path), *PurePosixPath(path).parents)
