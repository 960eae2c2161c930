"""A file that is read while others may write it: opened with care, and looked at again at the end.

Appends are welcome, for what was there at the opening is what is judged. Anything else is told.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadInput, Refused

CHUNK = 1 << 20
FRESH = 2_000_000_000
"""Nanoseconds: a file written as recently may be written again without another timestamp."""


@dataclass(frozen=True)
class Opened:
    """An open regular file as it was found."""

    path: Path
    descriptor: int
    status: os.stat_result
    fresh: bool

    @property
    def size(self) -> int:
        """Bytes at the opening."""
        return self.status.st_size


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Open a regular file for reading. Raises BadInput or Refused with the reason.

    Links in its directory are followed, for a live link is how data are switched; the file itself
    must be none.
    """
    if not path.is_absolute():
        raise BadInput(
            f"{str(path)!r} must be an absolute path",
            now="nothing was read",
            untouched="every file",
            next="write the whole path, beginning with /",
        )
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if path.is_symlink():
            reason = "it is a symbolic link"
        raise refused(path, reason) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise refused(path, "it is no regular file")
        fresh = time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < FRESH
        yield Opened(path, descriptor, status, fresh)
    finally:
        os.close(descriptor)


def refused(path: Path, reason: str) -> Refused:
    """The refusal of a file that cannot be read."""
    return Refused(
        f"{path} cannot be validated: {reason}",
        now="nothing was read",
        untouched=str(path),
        next="name a regular file that this user may read",
    )


def read_change(file: Opened, start: int, stop: int, digest: str) -> str:
    """What happened to a file meanwhile, in words; an empty text when it was only appended to.

    The bytes judged are read again wherever a timestamp does not prove that nobody wrote.
    """
    now = os.fstat(file.descriptor)
    if now.st_size < file.size:
        return f"it was truncated from {file.size} to {now.st_size} bytes"
    try:
        named = os.lstat(file.path)
    except OSError as error:
        return f"its name is gone: {error.strerror}"
    if (named.st_dev, named.st_ino) != (file.status.st_dev, file.status.st_ino):
        return "another file has its name now: it was rotated or replaced"
    if unwritten(file, now):
        return ""
    if read_digest(file.descriptor, start, stop) != digest:
        return "what had been read was written over"
    return ""


def unwritten(file: Opened, now: os.stat_result) -> bool:
    """True when the timestamps prove that nobody wrote since the opening."""
    before = (file.status.st_size, file.status.st_mtime_ns, file.status.st_ctime_ns)
    return not file.fresh and before == (now.st_size, now.st_mtime_ns, now.st_ctime_ns)


def read_digest(descriptor: int, start: int, stop: int) -> str:
    """The SHA-256 of a part of an open file."""
    digest, offset = hashlib.sha256(), start
    while offset < stop:
        chunk = os.pread(descriptor, min(CHUNK, stop - offset), offset)
        if not chunk:
            break
        digest.update(chunk)
        offset += len(chunk)
    return digest.hexdigest()


def read_prefix_digest(path: Path, length: int) -> str:
    """The SHA-256 of the first bytes of a file. Raises Refused where it is shorter."""
    with opened(path) as file:
        if file.size < length:
            raise refused(path, f"it has {file.size} bytes, and the first {length} are asked for")
        return read_digest(file.descriptor, 0, length)
