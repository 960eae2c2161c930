"""One directory with all that lies in it, walked so that no link leads the walk elsewhere.

Every name is opened relative to the open directory that holds it and never followed: what a service
plants under a name between two looks leads nowhere.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import StepFailed

DEPTH = 100
"""Directories within directories; each level keeps one descriptor open."""

MOUNTS = Path("/proc/self/mountinfo")
OCTAL = re.compile(rb"\\([0-7]{3})")
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
TOP = "."
TYPES = {stat.S_IFDIR: "directory", stat.S_IFLNK: "link", stat.S_IFREG: "file"}
KINDS = {
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


@dataclass(frozen=True)
class Entry:
    """One name in a tree. ``directory`` is the open descriptor of what holds it, during the walk.

    ``path`` is relative to the top, which itself is ``.``; ``link`` is where a link leads.
    """

    path: str
    name: str
    directory: int
    status: os.stat_result
    link: str = ""

    @property
    def kind(self) -> str:
        """file, directory, link; or other, which no copy can stand for."""
        return TYPES.get(stat.S_IFMT(self.status.st_mode), "other")


@dataclass(frozen=True)
class Manner:
    """How a tree is walked.

    ``mounts`` are the names in it, relative to the top, on which another file system lies.
    ``live``: names may vanish while they are looked at, and are passed over. ``strict``: what a
    copy could not stand for is refused.
    """

    mounts: frozenset[str]
    live: bool
    strict: bool


def order(path: str) -> tuple[bytes, ...]:
    """The place of a path in every walk: name by name, as bytes."""
    return () if path == TOP else tuple(os.fsencode(path).split(b"/"))


def walk(top: Path, *, live: bool = False, strict: bool = True) -> Iterator[Entry]:
    """Every name of a tree in one order, each directory before what it holds.

    Raises StepFailed, when it is ``strict``, for a device, a pipe, a socket, a hard link, a link
    that leads out, another file system; always for what is nested too deep.
    """
    try:
        descriptor = os.open(top, DIRECTORY)
    except NotADirectoryError as error:
        raise refused(top, TOP, "it is not a directory") from error
    try:
        status = os.fstat(descriptor)
        yield Entry(TOP, "", descriptor, status)
        yield from below(top, descriptor, (), Manner(read_mounts(top), live, strict))
    finally:
        os.close(descriptor)


def below(top: Path, descriptor: int, parents: tuple[str, ...], manner: Manner) -> Iterator[Entry]:
    """Every name below an open directory."""
    if len(parents) > DEPTH:
        raise refused(top, "/".join(parents), f"it lies more than {DEPTH} directories deep")
    for name in sorted(os.listdir(descriptor), key=os.fsencode):
        try:
            entry = look(descriptor, name, parents)
        except FileNotFoundError:
            if manner.live:
                continue
            raise
        if manner.strict:
            refuse_strange(top, entry, manner.mounts)
        if entry.kind != "directory":
            yield entry
            continue
        try:
            inner = os.open(name, DIRECTORY, dir_fd=descriptor)
        except FileNotFoundError:
            if manner.live:
                continue
            raise
        try:
            yield entry
            yield from below(top, inner, (*parents, name), manner)
        finally:
            os.close(inner)


def look(descriptor: int, name: str, parents: tuple[str, ...]) -> Entry:
    """One name in an open directory."""
    status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    link = os.readlink(name, dir_fd=descriptor) if stat.S_ISLNK(status.st_mode) else ""
    return Entry("/".join((*parents, name)), name, descriptor, status, link)


def read_mounts(top: Path) -> frozenset[str]:
    """The mount points below a directory, relative to it; none where the system does not tell.

    Device numbers do not show them: on an overlay files and directories differ by nature, and a
    bind mount may have the same. Field 5 of a line is the place, its blanks as octal (proc(5)).
    """
    try:
        lines = MOUNTS.read_bytes().splitlines()
    except OSError:
        return frozenset()
    places = (OCTAL.sub(lambda m: bytes([int(m[1], 8)]), line.split(b" ")[4]) for line in lines)
    start = os.fsencode(top.resolve()) + b"/"
    return frozenset(os.fsdecode(p[len(start) :]) for p in places if p.startswith(start))


def refuse_strange(top: Path, entry: Entry, mounts: frozenset[str]) -> None:
    """Raise StepFailed for a name that a copy of the tree could not stand for."""
    status = entry.status
    if entry.path in mounts:
        raise refused(top, entry.path, "it lies on another file system")
    what = KINDS.get(stat.S_IFMT(status.st_mode))
    if what:
        raise refused(top, entry.path, f"it is {what}")
    if entry.kind == "file" and status.st_nlink > 1:
        raise refused(
            top, entry.path, f"it has {status.st_nlink} hard links, of which a copy keeps one"
        )
    if entry.kind == "link" and leads_out(entry.path, entry.link):
        raise refused(top, entry.path, f"its link leads out of the tree, to {entry.link}")


def leads_out(path: str, link: str) -> bool:
    """True for a link that does not stay below the top, wherever the tree lies."""
    if link.startswith("/"):
        return True
    depth = path.count("/")
    for part in link.split("/"):
        if part == "..":
            depth -= 1
        elif part not in ("", "."):
            depth += 1
        if depth < 0:
            return True
    return False


def refused(top: Path, path: str, reason: str) -> StepFailed:
    """The words for a tree that cannot be kept."""
    place = str(top) if path == TOP else f"{top}/{shown(path)}"
    return StepFailed(
        f"{place} cannot be kept with the rest: {reason}",
        now="it was left as it is",
        untouched="the live data",
        next="move it out of the store, or replace it by ordinary files",
    )


def shown(path: str) -> str:
    """A path as it may be printed: control characters and odd bytes are escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in path)


def identities(top: Path) -> dict[tuple[int, int], str]:
    """Device and inode of every file and directory of a tree."""
    return {
        (entry.status.st_dev, entry.status.st_ino): f"{top}/{entry.path}"
        for entry in walk(top, live=True, strict=False)
    }
