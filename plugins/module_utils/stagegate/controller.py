"""Who runs a deployment, and whether that process is still alive."""

from __future__ import annotations

import getpass
import platform
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .clock import SystemClock


def started_at(pid: int) -> str:
    """The start of a process in clock ticks since boot; empty when there is no such process.

    With the boot id it names a process for ever, though its number is used again. The value is
    field 22 of ``/proc/<pid>/stat`` (proc(5)); the name in field 2 may hold spaces and brackets,
    so fields are counted from the last bracket.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]


def identity(pid: int) -> str:
    """The name of a process that no other process ever has: machine, boot, number, start."""
    return "/".join((platform.node(), SystemClock().boot_id(), str(pid), started_at(pid)))


def owner(pid: int) -> dict[str, Any]:
    """The owner's record for a lock: the operator, the machine, the process, the start."""
    return {
        "operator": getpass.getuser(),
        "controller": platform.node(),
        "controller_id": identity(pid),
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def with_dead(mine: dict[str, Any], held: dict[str, Any] | None) -> dict[str, Any]:
    """Add to an owner's record what this machine knows: that the holder's process is gone.

    Only a process of this machine can be known dead; one elsewhere is judged by its silence.
    """
    theirs = str((held or {}).get("controller_id", ""))
    parts = theirs.split("/")
    if len(parts) != 4 or parts[0] != platform.node() or not parts[2].isdigit():
        return {**mine, "dead": []}
    alive = identity(int(parts[2])) == theirs and parts[3] != ""
    return {**mine, "dead": [] if alive else [theirs]}
