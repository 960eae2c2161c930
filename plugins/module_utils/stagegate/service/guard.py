"""The start guard: while its file exists, no process of the system may start."""

from __future__ import annotations

from pathlib import Path

from ..files import fsync_dir, write_json
from ..journal import Run


def guard_stands(run: Run) -> bool:
    """Tell whether the services are held."""
    return run.guard.exists()


def raise_guard(run: Run) -> bool:
    """Put the guard up, on the disk before this returns. True when it was not there."""
    if guard_stands(run):
        return False
    write_json(run.guard, {"run": run.id, "system": run.system})
    return True


def lift_guard(run: Run) -> bool:
    """Take the guard away, on the disk before this returns. True when it was there."""
    place: Path = run.guard
    if not place.exists():
        return False
    place.unlink()
    fsync_dir(place.parent)
    return True
