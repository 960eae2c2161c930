"""One step at a time on a host, whoever began it: also one that outlived its controller."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from .errors import LockHeld
from .files import make_private_dir
from .trouble import refusing_trouble


@contextlib.contextmanager
def step_lock(state: Path, deadline: float = 30.0) -> Iterator[None]:
    """Hold the host's step lock; raise LockHeld when another step keeps it past the deadline.

    The kernel frees it when its holder dies, so that it can never be stale.
    """
    with refusing_trouble(state):
        make_private_dir(state, 0o711)
        descriptor = os.open(
            state / "step.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
    try:
        wait_for_flock(descriptor, state, deadline)
        yield
    finally:
        os.close(descriptor)


def wait_for_flock(descriptor: int, state: Path, deadline: float) -> None:
    """Take the lock as soon as it is free. (flock has no time-out of its own.)"""
    end, pause = time.monotonic() + deadline, 0.001
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > end:
                raise LockHeld(
                    f"another step is still at work in {state} after {deadline:.0f} s",
                    now="that step goes on by itself, its controller may be gone",
                    untouched="this step was not begun",
                    next="wait for it to end, then run the same command again",
                ) from error
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
