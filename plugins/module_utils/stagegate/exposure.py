"""Whether others than root could change what this project relies on."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .errors import Refused


def refuse_exposed(state: Path) -> None:
    """Raise Refused when others could exchange lock, ledger, guard or backups of a system.

    ``state`` is the system's directory; whoever may write to the one above it may rename it away.
    """
    for place in (state, state.parent):
        wrong = read_exposure(place)
        if wrong:
            raise Refused(
                f"{place} {wrong}",
                now="others could change the ledger, the lock, the start guard or a backup",
                untouched="every service and all data",
                next=f"find out who did: ls -la {place}; then chown root:root {place} && "
                f"chmod go-w {place}, and run the same command again",
            )


def read_exposure(place: Path) -> str:
    """Why a directory is not root's or ours alone; empty for a safe one and for a missing one."""
    try:
        status = place.stat()
    except FileNotFoundError:
        return ""
    if not stat.S_ISDIR(status.st_mode):
        return "is not a directory"
    if status.st_uid not in (0, os.geteuid()):
        return f"belongs to user {status.st_uid}"
    if status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
        return f"may be written to by others (mode {stat.S_IMODE(status.st_mode):04o})"
    return ""
