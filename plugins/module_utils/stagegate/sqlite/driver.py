"""The driver's actions by name: what each does, and what it would do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import Fenced, StepFailed
from ..journal import Journal, open_journal
from ..ledger import read_ledger
from ..store.generations import read_link
from ..store.guard import recorded_digest
from ..store.retention import plan_removal, remove
from ..store.steps import Result, ended
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


def prune(journal: Journal, task: Task) -> Result:
    """Remove the backups, generations and scratch that nobody can need any more."""
    with journal.step(task.phase, task.step, {"keep": task.keep}) as step:
        removal = plan_removal(task, journal.entries)
        remove(removal.everything)
        removed = [str(place) for place in removal.everything]
        result = ended(step, {"removed": len(removed)}, {"removed": removed})
    return {**result, "changed": bool(removed)}


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
        return foretold(task)
    with open_journal(task.run) as journal:
        return STEPS[task.action](journal, task)


def verify(task: Task) -> dict[str, Any]:
    """Prove a backup again, every byte; on the way back a broken one holds the services."""
    directory = task.directory or task.backup
    try:
        manifest = verify_backup(directory, recorded_digest(task))
    except StepFailed as error:
        if task.phase != "rollback":
            raise
        raise Fenced(
            error.what, now=error.now, untouched="the live data", next=error.next
        ) from error
    return backup_evidence(directory, manifest)


def foretold(task: Task) -> Result:
    """What an action would change, as a diff, from the link and the ledger alone."""
    live = read_link(task.store)
    before, after = str(live), str(live)
    if task.action == "backup":
        locate(task.store, task.pinned_generations())
        before, after = "", f"{task.backup}/{task.store.file}" if live else ""
    elif task.action == "stage":
        before, after = "", str(task.generation)
    elif task.action == "activate":
        after = task.target
    elif task.action == "restore":
        after = former_target(task, live)
    elif task.action == "prune":
        entries = read_ledger(task.run.state / "ledger.jsonl").entries
        removal = plan_removal(task, entries)
        before, after = "\n".join(str(place) for place in removal.everything), ""
    diff = {
        "before_header": f"{task.store.name}: {task.action}",
        "after_header": f"{task.store.name}: {task.action}",
        "before": f"{before}\n",
        "after": f"{after}\n",
    }
    return {"changed": before != after, "diff": diff, "evidence": {}}


def former_target(task: Task, live: str | None) -> str:
    """Where the link would lead after a restore."""
    for entry in read_ledger(task.run.state / "ledger.jsonl").entries:
        if (entry.run, entry.step) == (task.run.id, f"stage:{task.store.name}") and entry.state:
            return str(entry.state["old_target"])
    return str(live)
