"""Who takes a backup beside the steps of a run holds its directory, and retention leaves it alone.

A nightly backup holds no step back, so that the step lock does not tell of it: until its manifest
is there it looks like one that was never finished.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from ..files import make_private_dir
from ..journal import Run


@contextlib.contextmanager
def at_work(run: Run) -> Iterator[None]:
    """Hold the backups of a run for the time of a block; the kernel lets go of a dead process."""
    make_private_dir(run.backups)
    descriptor = opened(run.backups)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):  # there is a backup in it, as there should be
            run.backups.rmdir()


def runs_at_work(state: Path) -> frozenset[str]:
    """The runs whose backups somebody takes at this moment."""
    return frozenset(place.name for place in (state / "backups").glob("[!.]*") if is_held(place))


def is_held(directory: Path) -> bool:
    """True while a process holds a directory."""
    try:
        descriptor = opened(directory)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def opened(directory: Path) -> int:
    """A descriptor of a directory, through no link."""
    return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
