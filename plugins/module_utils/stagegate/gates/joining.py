"""Waiting for a thread in a way that heeds signals."""

from __future__ import annotations

import threading
import time

HEED = 0.5
"""Seconds after which a waiting main thread looks whether a signal has come."""


def join_until(thread: threading.Thread, end: float) -> None:
    """Wait until a thread has ended, or until a moment of ``time.monotonic()``.

    Python handles signals in the main thread alone. One that the system gives to another thread, or
    that comes in the moment before the wait begins, does not wake it: a wait of one piece would
    hold SIGINT back until its end.
    """
    while thread.is_alive() and (left := end - time.monotonic()) > 0:
        thread.join(min(left, HEED))
