"""One file with a secret, and the way to it: no link is followed, nothing is left half written.

The way is walked folder by folder, each opened below the one before, so that what was checked is
what is used. Nobody but root and the account that deploys may be able to exchange a folder on it.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .errors import StepFailed

LARGEST = 65536
"""Bytes that a secret may have; a file that is larger is none."""

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Held:
    """A file as it is or must be. The content shows up in no text of this object."""

    content: bytes = field(repr=False)
    mode: int
    uid: int
    gid: int


def read_file(path: Path) -> Held | None:
    """The file at a path; None where nothing is. Raises StepFailed where no secret may lie."""
    with open_folder(path.parent) as folder:
        if folder is None:
            return None
        try:
            descriptor = os.open(path.name, READ, dir_fd=folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unfit(path, "is a link or cannot be opened") from error
        try:
            return read_open(path, descriptor)
        finally:
            os.close(descriptor)


def read_open(path: Path, descriptor: int) -> Held:
    """The file behind a descriptor."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise unfit(path, "is no file, or one with a second name")
    if status.st_size > LARGEST:
        raise unfit(path, f"is larger than {LARGEST} bytes")
    with os.fdopen(descriptor, "rb", closefd=False) as handle:
        content = handle.read()
    return Held(content, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def write_file(path: Path, held: Held) -> None:
    """Put a file at a path, wholly or not at all, readable by nobody before its account."""
    with open_folder(path.parent, make=True) as folder:
        assert folder is not None  # noqa: S101 - made above
        aside = f".{path.name}.stagegate"
        discard(aside, folder)
        try:
            with os.fdopen(os.open(aside, WRITE, 0o600, dir_fd=folder), "wb") as handle:
                handle.write(held.content)
                handle.flush()
                os.fchown(handle.fileno(), held.uid, held.gid)
                os.fchmod(handle.fileno(), held.mode)
                os.fsync(handle.fileno())
            os.rename(aside, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError as error:
            discard(aside, folder)
            raise unfit(path, f"cannot be written: {error.strerror}") from error
        os.fsync(folder)


def remove_file(path: Path) -> None:
    """Leave nothing at a path; its folder stays."""
    with open_folder(path.parent) as folder:
        if folder is not None:
            discard(path.name, folder)
            os.fsync(folder)


def discard(name: str, folder: int) -> None:
    """Remove a name from a folder, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


@contextlib.contextmanager
def open_folder(path: Path, *, make: bool = False) -> Iterator[int | None]:
    """A folder, open; None when a part of the way is missing and is not to be made.

    Raises StepFailed for a link on the way, and for a folder that others may write to.
    """
    with contextlib.ExitStack() as opened:
        here = os.open("/", FOLDER)
        opened.callback(os.close, here)
        for depth, name in enumerate(path.parts[1:], start=2):
            inner = enter(here, name, Path(*path.parts[:depth]), make)
            if inner is None:
                yield None
                return
            here = inner
            opened.callback(os.close, here)
        yield here


def enter(folder: int, name: str, path: Path, make: bool) -> int | None:
    """One step down the way; ``path`` is where it leads, for the messages."""
    try:
        inner = os.open(name, FOLDER, dir_fd=folder)
    except FileNotFoundError:
        return make_folder(folder, name) if make else None
    except OSError as error:
        raise unfit(path, "is a link or no folder") from error
    status = os.fstat(inner)
    exposed = status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX
    if exposed or status.st_uid not in (0, os.geteuid()):
        os.close(inner)
        raise unfit(path, "can be exchanged by others than root: correct its owner and mode")
    return inner


def make_folder(folder: int, name: str) -> int:
    """A new folder, durable, open to look into; its files say themselves who may read them."""
    os.mkdir(name, 0o755, dir_fd=folder)
    inner = os.open(name, FOLDER, dir_fd=folder)
    os.fchmod(inner, 0o755)
    os.fsync(folder)
    return inner


def unfit(path: Path, why: str) -> StepFailed:
    """The words for a place where no secret can lie."""
    return StepFailed(
        f"{path} {why}",
        now="it was left as it is",
        untouched="every service and all data",
        next=f"see who made {path} what it is, put it right, then run the same command again",
    )
