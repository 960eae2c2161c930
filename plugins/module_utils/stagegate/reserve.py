"""Room that a run owns on the disk of its ledger, so that a full disk cannot bar its way back.

Going back flips links, but each of its steps is written down first, and former units and secrets
are written anew: on a disk that a release has filled, not even that could be done. The room is
taken with the lock, before anything is touched. The first task of a rollback frees it by a plain
command, for on a full disk no module can be unpacked; the end of a run frees it too.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from .errors import Refused
from .files import fsync_dir

NAME = "reserve"
SIZE = 16 << 20
"""Bytes: 64 entries of the ledger of the greatest size that one may have."""


def set_aside(state: Path, size: int = SIZE) -> None:
    """Own so many bytes of the disk of a state directory; raise Refused when they are not free.

    Real blocks, not only a length: a sparse file would hold nothing for later.
    """
    try:
        allocate(state / NAME, size)
    except OSError as error:
        give_back(state)
        raise Refused(
            f"there is no room for the way back: {size} bytes cannot be set aside "
            f"below {state}: {error.strerror}",
            now="nothing was changed",
            untouched="every service and all data",
            next="free space there, then run the same command again",
        ) from error
    fsync_dir(state)


def allocate(place: Path, size: int) -> None:
    """Make a private file of so many allocated bytes, durable."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(place, flags, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def give_back(state: Path) -> None:
    """Free the room again; nothing happens when there is none."""
    with contextlib.suppress(FileNotFoundError):
        (state / NAME).unlink()
