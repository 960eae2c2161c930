"""A tree copied with all that its fingerprint holds, beside services that may be writing to it."""

from __future__ import annotations

import ctypes
import hashlib
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..errors import StepFailed
from ..files import fsync_dir
from ..store.copying import LARGE_CHUNK, remove_tree, write_all
from ..store.space import free_bytes
from .listing import OPEN_FILE, Sum, line_of
from .tree import Entry, refused, walk

TRIES = 3
"""How often a file is copied that changes while it is copied."""

NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

Check = Callable[[], None]


@dataclass(frozen=True)
class Watch:
    """Looks after a running copy. ``reserve`` bytes stay free; ``end`` is monotonic seconds."""

    source: Path
    target: Path
    reserve: int
    end: float

    def __call__(self) -> None:
        """Raise StepFailed to give the copy up."""
        if time.monotonic() > self.end:
            raise self.failure("it was not finished within its deadline")
        free = free_bytes(self.target.parent)
        if free < self.reserve:
            raise self.failure(
                f"the disk fills up: free {free} bytes, needed {self.reserve} bytes of reserve "
                "for the service itself"
            )

    def failure(self, reason: str) -> StepFailed:
        """The words for a copy that was given up."""
        return StepFailed(
            f"copying {self.source}: {reason}",
            now="the unfinished copy was removed",
            untouched="the live data; their writers were not stopped",
            next="see what slows the disk or fills it, then run it again",
        )


def copy_tree(
    source: Path, target: Path, watch: Check, *, live: bool, out: IO[bytes] | None = None
) -> Sum:
    """Copy a tree under a name that must be free; what was begun is removed on failure.

    The listing is of what was copied, and is written where one is asked for. ``live``: names may
    vanish, and a file that changes meanwhile is copied again. When this returns the copy is on the
    disk.
    """
    total = Sum(out)
    try:
        unfinished: list[tuple[str, Entry]] = []
        for entry in walk(source, live=live):
            while unfinished and not entry.path.startswith(unfinished[-1][0]):
                dress(target, unfinished.pop()[1])
            if entry.kind == "directory":
                place(target, entry).mkdir(mode=0o700)
                unfinished.append(("" if entry.name == "" else f"{entry.path}/", entry))
                total.add(line_of(entry))
            else:
                copy_entry(source, target, entry, watch, total)
        for _, entry in reversed(unfinished):
            dress(target, entry)
        sync_file_system(target)
    except BaseException:
        remove_tree(target)
        raise
    return total


def place(target: Path, entry: Entry) -> Path:
    """Where the copy of a name lies."""
    return target / entry.path


def copy_entry(source: Path, target: Path, entry: Entry, watch: Check, total: Sum) -> None:
    """Copy one file or link. One that vanished meanwhile was never there."""
    watch()
    if entry.kind == "link":
        place(target, entry).symlink_to(entry.link)
        dress(target, entry)
        total.add(line_of(entry))
        return
    try:
        copied, digest, size = copy_steady(source, target, entry, watch)
    except FileNotFoundError:
        place(target, entry).unlink(missing_ok=True)
        return
    dress(target, copied)
    total.add(line_of(copied, digest, size))


def copy_steady(source: Path, target: Path, entry: Entry, watch: Check) -> tuple[Entry, str, int]:
    """Copy a file until it is the same before and after; raise StepFailed when it never is."""
    for _ in range(TRIES):
        reading = os.open(entry.name, OPEN_FILE, dir_fd=entry.directory)
        try:
            before = os.fstat(reading)
            if not stat.S_ISREG(before.st_mode):
                raise refused(source, entry.path, "it is no file any more")
            digest, size = copy_bytes(reading, place(target, entry), watch)
            now = os.stat(entry.name, dir_fd=entry.directory, follow_symlinks=False)
            after = os.fstat(reading)
        finally:
            os.close(reading)
        if size == before.st_size and seen(before) == seen(after) == seen(now):
            return Entry(entry.path, entry.name, entry.directory, before), digest, size
        place(target, entry).unlink()
    raise refused(source, entry.path, f"it changed each of the {TRIES} times that it was copied")


def seen(status: os.stat_result) -> tuple[int, ...]:
    """What is different once a file was written to or replaced."""
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def copy_bytes(reading: int, target: Path, watch: Check) -> tuple[str, int]:
    """Copy what an open file holds; its digest and length. Memory is one chunk."""
    digest, size = hashlib.sha256(), 0
    writing = os.open(target, NEW_FILE, 0o600)
    try:
        while True:
            chunk = os.read(reading, LARGE_CHUNK)
            if not chunk:
                return digest.hexdigest(), size
            digest.update(chunk)
            size += write_all(writing, chunk)
            watch()
    finally:
        os.close(writing)


def dress(target: Path, entry: Entry) -> None:
    """Give a copy the owner, rights and times of its original, in this order: owners clear bits."""
    copy, status = place(target, entry), entry.status
    mine = copy.lstat()
    if (mine.st_uid, mine.st_gid) != (status.st_uid, status.st_gid):
        os.chown(copy, status.st_uid, status.st_gid, follow_symlinks=False)
    if entry.kind != "link":
        copy.chmod(stat.S_IMODE(status.st_mode))
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)


def sync_file_system(place: Path) -> None:
    """Put a whole tree on the disk: one call for its file system, not one for each file."""
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(place))
    finally:
        os.close(descriptor)
    fsync_dir(place.parent)
