"""Full disks."""

from __future__ import annotations

import errno
import math
import os
from typing import TYPE_CHECKING

from tests.lab.files import write
from tests.lab.inside import directory_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.home import MachineFiles

_BALLAST = ".lab-ballast"
_BLOCK = 4096


def fill(files: MachineFiles, directory: str, leave: int = 0) -> int:
    """Fill the file system that holds a directory of the machine and return the bytes left free.

    The ballast is real, allocated space of a file in that directory; it outlives a power loss, and
    `unfill` removes it. Filling again changes how much is left.
    """
    ballast = directory_of(files, directory) / _BALLAST
    write(files.ballast, "\n".join(sorted({*_recorded(files), directory})))
    ballast.unlink(missing_ok=True)
    with ballast.open("wb") as file:
        _allocate(file.fileno(), leave)
        os.fsync(file.fileno())
    return _free(ballast.parent)


def unfill(files: MachineFiles) -> None:
    """Remove all ballast from the machine, so that it stays removed after a power loss."""
    for directory in _recorded(files):
        seen = directory_of(files, directory)
        (seen / _BALLAST).unlink(missing_ok=True)
        _sync_directory(seen)
    files.ballast.unlink(missing_ok=True)


def _allocate(descriptor: int, leave: int) -> None:
    """Allocate all free space but `leave` bytes, in steps that halve when they no longer fit."""
    step, size = 2**40, 0
    while step >= _BLOCK:
        step = min(step, max(0, _free(descriptor) - leave) // _BLOCK * _BLOCK)
        if not step:
            break
        try:
            os.posix_fallocate(descriptor, size, step)
            size += step
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            # A failed call may have taken a part; give that back before the next, smaller one.
            os.ftruncate(descriptor, size)
            step //= 2
    # The list of the ballast's own blocks took some as well.
    short = max(0, leave - _free(descriptor))
    os.ftruncate(descriptor, max(0, size - math.ceil(short / _BLOCK) * _BLOCK))


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _free(where: int | Path) -> int:
    state = os.statvfs(where)
    return state.f_bavail * state.f_frsize


def _recorded(files: MachineFiles) -> list[str]:
    return files.ballast.read_text(encoding="utf-8").splitlines() if files.ballast.exists() else []
