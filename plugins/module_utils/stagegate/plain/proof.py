"""The copies that prove something: the backup with its drill, and the rehearsed migration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import Fenced, StepFailed
from ..files import make_private_dir
from ..journal import Journal
from ..store.guard import recorded_digest
from ..store.steps import Result, ended, needed_state
from ..store.task import FILE
from .backup import backup_evidence, backup_state, restore_copy, take
from .live import refuse_unlike
from .manifest import Manifest, verify_backup
from .task import PlainTask


def back_up(journal: Journal, task: PlainTask) -> Result:
    """Take a backup of the live data and prove it by restoring it into scratch."""
    with journal.step(task.phase, task.step, {"path": str(task.store.path)}) as step:
        if (task.backup / FILE).exists():  # an earlier try of this run finished it: trust its bytes
            earlier = step.earlier.state if step.earlier is not None else {}
            digest = str(earlier.get("sha256", ""))
            manifest: Manifest | None = verify_backup(task, task.backup, digest)
            restore_copy(task, task.backup / task.store.file)
        else:
            manifest = take(task, journal.clock.wall())
        if manifest is None:
            make_place(task)
            return ended(step, {"absent": True}, {"store": task.store.name, "absent": True})
        return ended(step, backup_state(task, manifest), backup_evidence(task.backup, manifest))


def make_place(task: PlainTask) -> None:
    """Data that hold nothing, where a first release rehearses its migrations."""
    make_private_dir(task.scratch)
    task.content.remove(task.rehearsed)
    task.content.empty(task.rehearsed)


def verify(task: PlainTask) -> dict[str, Any]:
    """Prove a backup again, every byte; on the way back a broken one holds the services."""
    directory = task.directory or task.backup
    try:
        manifest = verify_backup(task, directory, recorded_digest(task))
    except StepFailed as error:
        if task.phase != "rollback":
            raise
        raise Fenced(
            error.what, now=error.now, untouched="the live data", next=error.next
        ) from error
    return backup_evidence(directory, manifest)


def compare(journal: Journal, task: PlainTask) -> Result:
    """Prove a migrated copy against this run's backup."""
    copy = task.copy_to_compare()
    with journal.step(task.phase, task.step, {"data": str(copy)}) as step:
        kept = needed_state(journal, "store", task.store.name)
        before = None
        if not kept.get("absent"):
            verify_backup(task, Path(kept["directory"]), kept["sha256"])
            before = Path(kept["data"])
        refuse_unlike(task, copy)
        found = task.content.judge(before, copy, task.scratch)
        return ended(step, {"data": str(copy)}, found)
