"""Files that survive a power cut: every function here returns only when the disk has the data."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any, Union

StrPath = Union[str, Path]

CHUNK = 1 << 20
LARGEST_JSON = 64 << 20
"""Bytes that a JSON file may have; what is larger is written as lines."""


def fsync_dir(path: StrPath) -> None:
    """Make the names in a directory durable: a rename is lost in a power cut without it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private_dir(path: StrPath, mode: int = 0o700) -> None:
    """Create a directory and its parents, durable, with exactly this mode on the last one."""
    target = Path(path)
    missing = [p for p in (target, *target.parents) if not p.exists()]
    for directory in reversed(missing):
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=mode)
        fsync_dir(directory.parent)
    if (target.stat().st_mode & 0o7777) != mode:
        target.chmod(mode)


def write_atomic(path: StrPath, data: bytes, mode: int = 0o600) -> None:
    """Replace a file wholly or not at all.

    The new content is written aside in the same directory, under a name that nobody can have
    planted (O_EXCL, no following of links), made durable and renamed.
    """
    target = Path(path)
    aside = target.with_name(f".{target.name}.{os.getpid()}.new")
    with contextlib.suppress(FileNotFoundError):
        aside.unlink()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(aside, flags, mode)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            os.fchmod(handle.fileno(), mode)
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        aside.rename(target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            aside.unlink()
        raise
    fsync_dir(target.parent)


def write_json(path: StrPath, value: Any, mode: int = 0o600) -> None:
    """Replace a file with readable JSON, wholly or not at all."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=True, allow_nan=False)
    write_atomic(path, text.encode() + b"\n", mode)


def read_ordinary(path: StrPath, most: int = -1) -> bytes:
    """What a file holds, its first ``most`` bytes when that is given.

    Raises FileNotFoundError; ValueError for what is no ordinary file: a link leads to what others
    wrote, and a pipe would keep its reader waiting for ever.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise ValueError("it is no ordinary file") from error
        raise
    with os.fdopen(descriptor, "rb") as handle:
        if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
            raise ValueError("it is no ordinary file")
        return handle.read(most)


def read_json(path: StrPath) -> Any:
    """The value in a JSON file.

    Raises FileNotFoundError; ValueError when it is damaged, nested too deeply, or larger than
    anything that is written here.
    """
    data = read_ordinary(path, LARGEST_JSON + 1)
    if len(data) > LARGEST_JSON:
        raise ValueError(f"it is larger than {LARGEST_JSON} bytes")
    return parse_json(data)


def parse_json(raw: bytes) -> Any:
    """The value of some JSON; ValueError also where it is nested more deeply than can be read."""
    try:
        return json.loads(raw)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def switch_link(link: StrPath, target: str) -> None:
    """Point a symbolic link at another target in one atomic, durable step.

    The new link is made aside and renamed over the old one, so that at every instant a reader finds
    the old target or the new one.
    """
    place = Path(link)
    aside = place.with_name(f".{place.name}.new")
    with contextlib.suppress(FileNotFoundError):
        aside.unlink()
    aside.symlink_to(target)
    aside.rename(place)
    fsync_dir(place.parent)


def sha256_file(path: StrPath) -> str:
    """The SHA-256 of a file's content in hexadecimal, read in chunks of 1 MiB."""
    with Path(path).open("rb") as handle:
        return sha256_handle(handle)


def sha256_handle(handle: Any) -> str:
    """The SHA-256 of what is left in an open binary file, read in chunks of 1 MiB."""
    digest = hashlib.sha256()
    for chunk in iter(lambda: handle.read(CHUNK), b""):
        digest.update(chunk)
    return digest.hexdigest()
