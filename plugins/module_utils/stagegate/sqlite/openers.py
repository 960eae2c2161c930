"""The proof that no process has a database open, by the identity of its files.

A name proves nothing: a leaked process holds the old inode under any name, and a mapped ``-shm``
stays mapped when its descriptor is gone.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import StagegateError, StepFailed
from .rest import LEFTOVERS, beside

PROC = Path("/proc")
SHOWN = 10
COMMAND_LIMIT = 160

GONE = (FileNotFoundError, ProcessLookupError, PermissionError, NotADirectoryError)
"""A process that ended while we looked; one of another user, when we are not root."""

Identity = tuple[int, int]


@dataclass(frozen=True)
class Opener:
    """A process that has one of the files open."""

    pid: int
    command: str
    path: str

    def __str__(self) -> str:
        return f"pid {self.pid} ({self.command}) has {self.path} open"


def refuse_openers(path: Path, error: type[StagegateError] = StepFailed) -> None:
    """Raise unless nobody has the database open."""
    found = find_openers(path)
    if not found:
        return
    listed = "; ".join(str(opener) for opener in found[:SHOWN])
    raise error(
        f"{path} is still open: {listed}",
        now="the data link was not moved, no file was changed",
        untouched="the database and everything beside it",
        next="stop these processes (a leaked worker, a cron job, a shell with sqlite3), "
        "then run the same command again",
    )


def find_openers(path: Path, proc: Path = PROC) -> list[Opener]:
    """The processes that have the database or a file beside it open or mapped, except this one."""
    wanted = identities(path)
    found: list[Opener] = []
    for entry in sorted(proc.iterdir()):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        held = held_file(entry, wanted) if wanted else ""
        if held:
            found.append(Opener(int(entry.name), command_of(entry), held))
    return found


def identities(path: Path) -> dict[Identity, str]:
    """Device and inode of the database and of each file beside it."""
    found: dict[Identity, str] = {}
    for ending in ("", *LEFTOVERS):
        file = beside(path.resolve(), ending)
        with suppress(FileNotFoundError):
            status = file.stat()
            found[(status.st_dev, status.st_ino)] = str(file)
    return found


def held_file(process: Path, wanted: dict[Identity, str]) -> str:
    """The first of the wanted files that a process has open or mapped; empty for none."""
    with suppress(*GONE):
        for descriptor in (process / "fd").iterdir():
            with suppress(*GONE):
                status = descriptor.stat()
                held = wanted.get((status.st_dev, status.st_ino))
                if held:
                    return held
    with suppress(*GONE):
        return mapped_file((process / "maps").read_text(errors="replace"), wanted)
    return ""


def mapped_file(maps: str, wanted: dict[Identity, str]) -> str:
    """The first of the wanted files in a ``/proc/<pid>/maps``; empty for none.

    Some file systems (btrfs) show another device there than to stat: the path is compared too.
    """
    for line in maps.splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) < 6 or fields[4] == "0":
            continue
        major, minor = (int(part, 16) for part in fields[3].split(":"))
        inode, name = int(fields[4]), fields[5]
        for (device, wanted_inode), path in wanted.items():
            if inode == wanted_inode and (device == os.makedev(major, minor) or name == path):
                return path
    return ""


def command_of(process: Path) -> str:
    """The command line of a process, as it may be printed."""
    raw = b""
    with suppress(*GONE):
        raw = (process / "cmdline").read_bytes() or (process / "comm").read_bytes()
    text = raw.replace(b"\0", b" ").decode("utf-8", "replace").strip()
    return "".join(c if c.isprintable() else "?" for c in text)[:COMMAND_LIMIT]
