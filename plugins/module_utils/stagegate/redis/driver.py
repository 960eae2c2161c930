"""The driver's actions by name: what each does, and what it would do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import Fenced, StepFailed
from ..journal import Journal, open_journal
from ..ledger import read_ledger
from ..store.steps import Result, ended
from .backup import back_up, backup_evidence
from .evidence import count_delta, forensic
from .freeze import activate, seal, stage
from .manifest import verify_image
from .probe import probe
from .restore import restore
from .retention import plan_removal, remove
from .task import Task
from .unit import SystemdUnit, Unit

Action = Callable[[Journal, Task], Result]


def compare(journal: Journal, task: Task) -> Result:
    """Record that there is nothing to compare: no release changes the form of these data."""
    with journal.step(task.phase, task.step, {"place": task.store.place}) as step:
        return ended(step, {"compared": False}, {"compared": False})


def prune(journal: Journal, task: Task) -> Result:
    """Remove the images, former data and scratch that nobody can need any more."""
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
    "prune": prune,
}
"""The actions that write to the ledger and leave the server's process alone."""

NAMES = ("probe", "verify", *STEPS, "restore")


def run_task(task: Task, check_mode: bool, unit: Unit | None = None) -> Result:
    """Do one action; in check mode say what it would do. ``unit`` is systemd's by default."""
    unit = unit or SystemdUnit(task.store.unit, task.deadline)
    if task.action == "probe":
        return {"changed": False, "evidence": probe(task, unit, act=not check_mode)}
    if task.action == "verify":
        return {"changed": False, "evidence": verify(task)}
    if check_mode:
        return foretold(task)
    with open_journal(task.run) as journal:
        if task.action == "restore":
            return restore(journal, task, unit)
        return STEPS[task.action](journal, task)


def verify(task: Task) -> dict[str, Any]:
    """Prove a backup again, every byte; on the way back a broken one holds the services."""
    directory = task.directory or task.backup
    try:
        manifest = verify_image(directory, task.store, recorded_digest(task, directory))
    except StepFailed as error:
        if task.phase != "rollback":
            raise
        raise Fenced(
            error.what, now=error.now, untouched="the live data", next=error.next
        ) from error
    return backup_evidence(directory, manifest)


def recorded_digest(task: Task, directory: Path) -> str:
    """What the host's ledger says of an image; empty for nothing."""
    recorded = ""
    for entry in read_ledger(task.run.state / "ledger.jsonl").entries:
        if entry.kind != "intent" and entry.state.get("directory") == str(directory):
            recorded = str(entry.state.get("sha256", ""))
    return recorded


def foretold(task: Task) -> Result:
    """What an action would change, as a diff, from the ledger alone."""
    before, after = "", ""
    if task.action == "backup":
        after = str(task.backup)
    elif task.action == "stage":
        after = str(task.frozen) if task.migration_class in ("", "one_way") else ""
    elif task.action == "prune":
        entries = read_ledger(task.run.state / "ledger.jsonl").entries
        before = "\n".join(str(place) for place in plan_removal(task, entries).everything)
    elif task.action == "restore":
        before = after = "the present data"
        if has_image(task):
            after = str(task.frozen)
    title = f"{task.store.name}: {task.action}"
    diff = {
        "before_header": title,
        "after_header": title,
        "before": f"{before}\n",
        "after": f"{after}\n",
    }
    return {"changed": before != after, "diff": diff, "evidence": {}}


def has_image(task: Task) -> bool:
    """True when this run went live on a frozen image."""
    wanted = f"activate:{task.store.name}"
    return any(
        (entry.run, entry.step, entry.kind) == (task.run.id, wanted, "done")
        and entry.state.get("frozen")
        for entry in read_ledger(task.run.state / "ledger.jsonl").entries
    )
