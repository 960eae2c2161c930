"""The proof that no process has data open, by the identity of their files.

A name proves nothing: a leaked process holds the old inode under any name, and what is mapped stays
mapped when its descriptor is gone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import StagegateError, StepFailed

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


def refuse_holders(
    path: Path, wanted: Mapping[Identity, str], error: type[StagegateError] = StepFailed
) -> None:
    """Raise unless nobody has any of these files open; ``path`` is what the message speaks of."""
    found = find_holders(wanted)
    if not found:
        return
    listed = "; ".join(str(opener) for opener in found[:SHOWN])
    raise error(
        f"{path} is still open: {listed}",
        now="the data link was not moved, no file was changed",
        untouched="the data and everything beside them",
        next="stop these processes (a leaked worker, a cron job, a shell that stands there), "
        "then run the same command again",
    )


def find_holders(wanted: Mapping[Identity, str], proc: Path = PROC) -> list[Opener]:
    """The processes that have one of the files open or mapped, except this one."""
    found: list[Opener] = []
    for entry in sorted(proc.iterdir()):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        held = held_file(entry, wanted) if wanted else ""
        if held:
            found.append(Opener(int(entry.name), command_of(entry), held))
    return found


def identity_of(path: Path) -> Identity:
    """Device and inode of a file."""
    status = path.stat()
    return status.st_dev, status.st_ino


def held_file(process: Path, wanted: Mapping[Identity, str]) -> str:
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


def mapped_file(maps: str, wanted: Mapping[Identity, str]) -> str:
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
