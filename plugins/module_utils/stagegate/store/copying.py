"""Whole files: copied in the kernel, and digested while they are compared."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from pathlib import Path

from ..errors import StepFailed
from ..files import CHUNK

KERNEL_STEP = 1 << 30
LARGE_CHUNK = 8 << 20
"""Large, because beside a busy thread each return to the interpreter may wait 5 ms for its lock."""

NOT_IN_KERNEL = (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)


def copy_file(source: Path, target: Path, *, durable: bool = True) -> None:
    """Make a private copy under a name that must be free; what was begun is removed on failure."""
    reading = open_plain(source)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        writing = os.open(target, flags, 0o600)
        try:
            transfer(reading, writing, os.fstat(reading).st_size)
            if durable:
                os.fsync(writing)
        except BaseException:
            target.unlink()
            raise
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def transfer(reading: int, writing: int, size: int) -> None:
    """Move all bytes; within one file system the kernel does it, or only shares the blocks."""
    left = size
    try:
        while left > 0:
            moved = os.copy_file_range(reading, writing, min(left, KERNEL_STEP))
            if moved == 0:
                break
            left -= moved
    except OSError as error:
        if error.errno not in NOT_IN_KERNEL:
            raise
    while left > 0:
        chunk = os.read(reading, min(left, CHUNK))
        if not chunk:
            raise OSError(errno.EIO, "the source became shorter while it was copied")
        left -= write_all(writing, chunk)


def write_all(writing: int, chunk: bytes) -> int:
    """Write every byte of a chunk and return how many."""
    view = memoryview(chunk)
    while view:
        view = view[os.write(writing, view) :]
    return len(chunk)


def open_plain(path: Path) -> int:
    """A descriptor of an ordinary file for reading. Raises StepFailed for a link or anything else.

    What is checked on the descriptor is what is then used: the name may mean something else later.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        reason = "it is a link" if error.errno == errno.ELOOP else error.strerror
        raise StepFailed(f"{path} cannot be read: {reason}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise StepFailed(f"{path} is not an ordinary file")
    return descriptor


def forget_cache(descriptor: int) -> None:
    """Make the next read come from the disk as far as the kernel obeys."""
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def digest_file(path: Path, twin: Path | None = None) -> str:
    """The SHA-256 of a file as the disk gives it back; with a twin, also that both are equal."""
    first = open_plain(path)
    second = open_plain(twin) if twin is not None else None
    try:
        forget_cache(first)
        digest = hashlib.sha256()
        one, other = bytearray(LARGE_CHUNK), bytearray(LARGE_CHUNK)
        while True:
            size = os.readv(first, [one])
            digest.update(memoryview(one)[:size])
            # Whole buffers: what lies behind the last bytes read was found equal a chunk before.
            if second is not None and (os.readv(second, [other]) != size or one != other):
                raise StepFailed(f"{twin} differs from {path}, of which it is a copy")
            if size == 0:
                return digest.hexdigest()
    finally:
        os.close(first)
        if second is not None:
            os.close(second)


def fsync_file(path: Path) -> None:
    """Put a file's content on the disk."""
    descriptor = open_plain(path)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_tree(place: Path) -> None:
    """Remove a copy of our own, if it is there, whatever rights its directories have."""
    if place.is_symlink() or place.is_file():
        place.unlink()
    if not place.is_dir():
        return
    open_up(place)
    shutil.rmtree(place)


def open_up(directory: Path) -> None:
    """Let ourselves remove what lies in a directory of our own and below it."""
    directory.chmod(0o700)
    for inner in directory.iterdir():
        if inner.is_dir() and not inner.is_symlink():
            open_up(inner)
