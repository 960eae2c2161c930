"""The driver's actions by name: what each does, and what it would do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import Fenced, StepFailed
from ..journal import Journal, open_journal
from ..ledger import read_ledger
from ..store.retention import remove
from ..store.steps import Result, ended
from .access import opened, server
from .databases import ADMIN_DATABASE, drop
from .evidence import count_delta, forensic
from .forward import stage
from .probe import probe
from .proof import back_up, compare, verify
from .restore import restore
from .retention import plan_removal
from .seal import seal
from .switch import activate
from .task import FAILED, GENERATION, OLD, Task

Action = Callable[[Journal, Task], Result]


def prune(journal: Journal, task: Task) -> Result:
    """Remove the backups and databases that nobody can need any more."""
    with journal.step(task.phase, task.step, {"keep": task.keep}) as step, server(task) as admin:
        removal = plan_removal(task, journal.entries, admin)
        remove(removal.directories)
        for name in removal.databases:
            drop(admin, task.store, name)
        removed = list(removal.everything)
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
"""The actions that write nothing to the ledger; what ``verify`` restores is gone after it."""

NAMES = (*QUESTIONS, *STEPS)


def run_task(task: Task, check_mode: bool) -> Result:
    """Do one action; in check mode say what it would do."""
    if task.action == "probe":
        return {"changed": False, "evidence": probe(task, act=not check_mode)}
    if check_mode:
        return foretold(task)
    if task.action == "verify":
        return {"changed": False, "evidence": verified(task)}
    with open_journal(task.run) as journal:
        return STEPS[task.action](journal, task)


def verified(task: Task) -> dict[str, Any]:
    """Prove a backup again; on the way back a broken one holds the services."""
    try:
        return verify(task)
    except StepFailed as error:
        if task.phase != "rollback":
            raise
        raise Fenced(
            error.what, now=error.now, untouched="the live data", next=error.next
        ) from error


def foretold(task: Task) -> Result:
    """What an action would change, as a diff, from names and the ledger alone."""
    before, after = names_before_and_after(task)
    if task.action == "prune":
        entries = read_ledger(task.run.state / "ledger.jsonl").entries
        with opened(task, ADMIN_DATABASE) as admin:
            before = "\n".join(plan_removal(task, entries, admin).everything)
    header = f"{task.store.name}: {task.action}"
    diff = {
        "before_header": header,
        "after_header": header,
        "before": f"{before}\n",
        "after": f"{after}\n",
    }
    return {"changed": before != after, "diff": diff, "evidence": {}}


def names_before_and_after(task: Task) -> tuple[str, str]:
    """The databases and files that an action makes or renames, in words."""
    live = task.live
    generation, old, failed = (task.beside(which) for which in (GENERATION, OLD, FAILED))
    words: dict[str, tuple[str, str]] = {
        "backup": ("", f"{task.backup}/{live}.dump"),
        "stage": ("", "" if task.in_place else generation),
        "activate": ("", "") if task.in_place else (f"{live}\n{generation}", f"{old}\n{live}"),
        "restore": ("", "") if task.in_place else (f"{live}\n{old}", f"{failed}\n{live}"),
    }
    return words.get(task.action, ("", ""))
