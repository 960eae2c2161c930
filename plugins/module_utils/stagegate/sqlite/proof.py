"""The copies that prove something: the backup with its drill, and the rehearsed migration."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from ..journal import Journal
from ..store.generations import content_of
from ..store.steps import Result, ended, needed_state
from ..store.task import FILE
from .backup import Places, take_backup
from .connect import has_wal_reset_bug
from .drill import restore_copy
from .generations import locate
from .judge import judge_copy
from .manifest import Manifest, verify_backup
from .rest import (
    fold,
    is_clean,
)
from .task import Task

LEVEL = 3
"""Of reliability: digest, structure, and a restore that was compared by content."""


def back_up(journal: Journal, task: Task) -> Result:
    """Take a backup of the live database and prove it by restoring it into scratch."""
    with journal.step(task.phase, task.step, {"path": str(task.store.path)}) as step:
        if (task.backup / FILE).exists():  # an earlier try of this run finished it: trust its bytes
            earlier = step.earlier.state if step.earlier is not None else {}
            manifest: Manifest | None = verify_backup(
                task.backup, task.store.name, str(earlier.get("sha256", ""))
            )
            restore_copy(task.backup / task.store.file, task.rehearsed)
        else:
            manifest = take(task, journal.clock.wall())
        if manifest is None:
            return ended(step, {"absent": True}, {"store": task.store.name, "absent": True})
        return ended(step, backup_state(task, manifest), backup_evidence(task.backup, manifest))


def take(task: Task, taken: str) -> Manifest | None:
    """A drilled backup of the live database; None when there is none yet. ``taken`` is UTC text."""
    target = locate(task.store, task.pinned_generations())
    if target is None:
        return None
    places = Places(task.run.id, task.backup, task.scratch)
    source = content_of(task.store, target)
    return take_backup(task.store, source, places, taken, task.deadline)


def backup_state(task: Task, manifest: Manifest) -> dict[str, Any]:
    """What later steps need of a backup."""
    return {
        "absent": False,
        "directory": str(task.backup),
        "database": str(task.backup / manifest.database),
        "scratch": str(task.rehearsed),
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
        "schema": manifest.schema,
    }


def backup_evidence(directory: Path, manifest: Manifest) -> dict[str, Any]:
    """What the report shows of a backup."""
    return {
        "store": manifest.store,
        "path": str(directory / manifest.database),
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
        "rows": manifest.rows,
        "tables": {name: table["rows"] for name, table in manifest.tables.items()},
        "taken": manifest.taken,
        "level": LEVEL,
        "sqlite": manifest.sqlite,
        "wal_reset_bug": has_wal_reset_bug(sqlite3.sqlite_version_info),
    }


def compare(journal: Journal, task: Task) -> Result:
    """Prove a migrated copy against this run's backup, row by row."""
    database = task.database or task.rehearsed
    with journal.step(task.phase, task.step, {"database": str(database)}) as step:
        kept = needed_state(journal, "store", task.store.name)
        before = None
        if not kept.get("absent"):
            verify_backup(Path(kept["directory"]), task.store.name, kept["sha256"])
            before = Path(kept["database"])
        if not is_clean(database):
            fold(database, "delete")
        found = judge_copy(task, before, database)
        return ended(step, {"database": str(database), "schema": found["schema"]}, found)
