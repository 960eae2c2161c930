"""The copies that prove something: the backup with its drill, and the rehearsed migration."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ..files import make_private_dir
from ..journal import Journal
from ..ledger import read_ledger
from ..store.steps import Result, ended, needed_state
from .access import server
from .catalog import keep_objects
from .client import Connection
from .databases import drop, exists
from .drill import restore_image, restored
from .image import clear, take_image
from .judge import judge_copy
from .manifest import FILE, NOTHING, Manifest, verify_backup, write_manifest
from .settings import create_empty
from .task import DRILL, Task

LEVEL = 3
"""Of reliability: digest, structure, and a restore that was compared by content."""


def back_up(journal: Journal, task: Task) -> Result:
    """Take a backup of the live database and prove it by restoring it into scratch."""
    with journal.step(task.phase, task.step, {"database": task.live}) as step:
        if (task.backup / FILE).exists():  # an earlier try of this run finished it: trust its bytes
            earlier = step.earlier.state if step.earlier is not None else {}
            manifest = verify_backup(task.backup, task.store, str(earlier.get("sha256", "")))
            with server(task) as admin:
                make_scratch(task, admin, manifest)
        else:
            manifest = take(task, journal.clock.wall())
        return ended(step, backup_state(task, manifest), backup_evidence(task.backup, manifest))


def take(task: Task, taken: str) -> Manifest:
    """A drilled backup of the live database, its copy left in scratch; ``taken`` is UTC text.

    Where there is no database yet the manifest says so, and the scratch database is empty.
    """
    with server(task) as admin:
        if exists(admin, task.live):
            return take_image(task, task.live, task.backup, taken, drill=task.beside(DRILL))
        manifest = Manifest.of_nothing(task.store, task.run.id, taken)
        clear(task.backup)
        make_private_dir(task.backup)
        make_scratch(task, admin, manifest)
        write_manifest(task.backup, manifest)
        return manifest


def make_scratch(task: Task, admin: Connection, manifest: Manifest) -> None:
    """The database on which the migration is rehearsed, made anew."""
    if not manifest.absent:
        restore_image(task, task.backup / manifest.file, manifest, task.beside(DRILL))
        return
    drop(admin, task.store, task.beside(DRILL))
    create_empty(admin, task.store, task.beside(DRILL), None)


def backup_state(task: Task, manifest: Manifest) -> dict[str, Any]:
    """What later steps need of a backup."""
    return {
        "absent": manifest.absent,
        "directory": str(task.backup),
        "database": str(task.backup / manifest.file) if manifest.file else None,
        "scratch": task.url(task.beside(DRILL)),
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
        "schema": manifest.schema,
    }


def backup_evidence(directory: Path, manifest: Manifest) -> dict[str, Any]:
    """What the report shows of a backup."""
    if manifest.absent:
        return {"store": manifest.store, "absent": True, "reason": NOTHING}
    return {
        "store": manifest.store,
        "path": str(directory / manifest.file),
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
        "rows": manifest.rows,
        "tables": {name: table["rows"] for name, table in manifest.tables.items()},
        "roles": manifest.roles,
        "taken": manifest.taken,
        "level": LEVEL,
        "postgresql": manifest.server,
    }


def verify(task: Task) -> dict[str, Any]:
    """Prove a backup again: every byte of it, and a restore that is compared and dropped."""
    directory = task.directory or task.backup
    manifest = verify_backup(directory, task.store, recorded_digest(task))
    with server(task):
        if not manifest.absent:
            with restored(task, directory, manifest):
                pass
    return backup_evidence(directory, manifest)


def compare(journal: Journal, task: Task) -> Result:
    """Prove a migrated copy against this run's backup, row by row where they differ."""
    database = task.database or task.beside(DRILL)
    with journal.step(task.phase, task.step, {"database": database}) as step, server(task):
        kept = needed_state(journal, "store", task.store.name)
        manifest = verify_backup(Path(kept["directory"]), task.store, str(kept["sha256"]))

        def former() -> AbstractContextManager[str]:
            return restored(task, Path(kept["directory"]), manifest)

        found = judge_copy(task, manifest, former, database)
        state = {
            "database": database,
            "schema": found.schema.fingerprint,
            "objects": keep_objects(task.evidence, "rehearsed", found.schema),
        }
        return ended(step, state, found.evidence)


def recorded_digest(task: Task) -> str:
    """What the host's ledger says of the named backup, or of this run's; empty for nothing."""
    directory = str(task.directory or task.backup)
    recorded = ""
    for entry in read_ledger(task.run.state / "ledger.jsonl").entries:
        if entry.kind != "intent" and entry.state.get("directory") == directory:
            recorded = str(entry.state.get("sha256", ""))
    return recorded
