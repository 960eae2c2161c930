"""The driver's actions by name: what each does, and what it would do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import Fenced, StepFailed
from ..journal import Journal, open_journal
from ..store.driver import foretold, prune
from ..store.guard import recorded_digest
from ..store.steps import Result
from .evidence import count_delta, forensic
from .forward import seal, stage
from .generations import locate
from .manifest import verify_backup
from .probe import probe
from .proof import back_up, backup_evidence, compare
from .restore import restore
from .switch import activate
from .task import Task

Action = Callable[[Journal, Task], Result]


STEPS: dict[str, Action] = {
    "backup": back_up,
    "compare": compare,
    "stage": stage,
    "seal": seal,
    "activate": activate,
    "forensic": forensic,
    "delta": count_delta,
    "restore": restore,
    "prune": prune,
}
"""The actions that write to the ledger."""

QUESTIONS = ("probe", "verify")
"""The actions that change nothing, and write nothing."""

NAMES = (*QUESTIONS, *STEPS)


def run_task(task: Task, check_mode: bool) -> Result:
    """Do one action; in check mode say what it would do."""
    if task.action == "probe":
        return {"changed": False, "evidence": probe(task, act=not check_mode)}
    if task.action == "verify":
        return {"changed": False, "evidence": verify(task)}
    if check_mode:
        return foretold(task, lambda: locate(task.store, task.pinned_generations()))
    with open_journal(task.run) as journal:
        return STEPS[task.action](journal, task)


def verify(task: Task) -> dict[str, Any]:
    """Prove a backup again, every byte; on the way back a broken one holds the services."""
    directory = task.directory or task.backup
    try:
        manifest = verify_backup(directory, task.store.name, recorded_digest(task))
    except StepFailed as error:
        if task.phase != "rollback":
            raise
        raise Fenced(
            error.what, now=error.now, untouched="the live data", next=error.next
        ) from error
    return backup_evidence(directory, manifest)
