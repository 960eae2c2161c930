"""Processes of our own user, found by a mark in their environment."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from .guarded_exec import MARK

PROC = Path("/proc")


def marked(description: str) -> tuple[int, ...]:
    """Every process that descends from the program with this description.

    A child that forked twice and left its group is found as well. Only Linux tells; elsewhere the
    answer is empty, and the manager's own view must do.
    """
    mark = f"{MARK}={description}".encode()
    found = []
    for place in PROC.glob("[0-9]*"):
        # Gone meanwhile, or somebody else's.
        with contextlib.suppress(OSError):
            if mark in (place / "environ").read_bytes().split(b"\0"):
                found.append(int(place.name))
    return tuple(sorted(found))


def signal_marked(description: str, number: signal.Signals) -> None:
    """Send a signal to every such process."""
    for pid in marked(description):
        signal_if(pid, description, number)


def signal_if(pid: int, description: str, number: signal.Signals) -> None:
    """Signal a process if it is still the marked one: its number may have a new owner by now."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if not hasattr(os, "pidfd_open"):
            os.kill(pid, number)
            return
        handle = os.pidfd_open(pid)
        try:
            if pid in marked(description):
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


def runs_with(pid: int, word: str) -> bool:
    """Tell whether a process is alive and was started with this argument."""
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return word.encode() in words
