"""What changes whenever data do, told without reading them."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import StagegateError, StepFailed

Facts = dict[str, Any]


def file_facts(path: Path) -> dict[str, Any]:
    """The identity, size, time and rights of one ordinary file. Times are nanoseconds as text."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise StepFailed(f"{path} is not an ordinary file")
    return {
        "inode": status.st_ino,
        "bytes": status.st_size,
        "mtime_ns": str(status.st_mtime_ns),
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
        "uid": status.st_uid,
        "gid": status.st_gid,
    }


def difference(recorded: dict[str, Any], found: dict[str, Any]) -> str:
    """The first way in which two sets of facts differ, in words; empty when they are the same."""
    for part in sorted(set(recorded) | set(found)):
        before, after = recorded.get(part), found.get(part)
        if before == after:
            continue
        name = f"its {part} file" if part.startswith("-") else part or "the file"
        if isinstance(before, dict) and isinstance(after, dict):
            key = next(k for k in sorted(before) if before[k] != after.get(k))
            return f"{name}: {key} was {before[key]}, is {after[key]}"
        return f"{name} was {present(before)}, is {present(after)}"
    return ""


def present(value: object) -> str:
    """A fact in words."""
    if isinstance(value, dict):
        return f"there ({value['bytes']} bytes)"
    return "absent" if value is None else str(value)


def refuse_touched(
    path: Path,
    facts: Facts,
    read: Callable[[Path], Facts],
    error: type[StagegateError] = StepFailed,
) -> None:
    """Raise when data at rest are not as they were recorded."""
    try:
        changed = difference(facts, read(path))
    except FileNotFoundError as missing:
        raise error(
            f"{missing.filename} is gone",
            now="the data link was not moved",
            untouched="everything that is still there",
            next="find out who removed it; the run's backup has the data of before the run",
        ) from missing
    if changed:
        raise error(
            f"{path} was written to although its services are stopped: {changed}",
            now="the data link was not moved",
            untouched="the data themselves",
            next="find the process that writes (cron, a shell), stop it, run this again",
        )
