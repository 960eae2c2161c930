"""Ends what runs in a folder, and removes it, once the process that started this one is gone.

A test that is killed cleans nothing up. This process does: its standard input ends with the test's
process, however that ends, and in good order too. Run as `guard.py <folder>`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path

PATIENCE = 10.0


def inhabitants(folder: Path) -> list[int]:
    """Return the processes that work in the folder: a server changes into its data."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        # Processes end while they are looked at, and those of others may not be.
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append(int(process.name))
    return found


def end(folder: Path, number: int) -> bool:
    """Send a signal to all who work in the folder; says whether they were gone in time."""
    deadline = time.monotonic() + PATIENCE
    for pid in inhabitants(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    while inhabitants(folder) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not inhabitants(folder)


def main() -> None:
    """Wait, then clean up."""
    folder = Path(sys.argv[1])
    sys.stdin.buffer.read()
    # PostgreSQL takes it for an immediate shutdown, and gives its shared memory back.
    if not end(folder, signal.SIGQUIT):
        end(folder, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
