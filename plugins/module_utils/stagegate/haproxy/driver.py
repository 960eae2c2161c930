"""The driver's actions by name: what each does, and what it would do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import StepFailed
from ..journal import Journal, open_journal
from .closing import close, refuse_last, shut
from .door import Handle, opened
from .model import Task
from .opening import announce, open_door
from .probe import as_refusal, probe
from .servers import MAINT, READY
from .steady import steady, weigh

Action = Callable[[Journal, Task, Handle], dict[str, Any]]

STEPS: dict[str, Action] = {
    "close": close,
    "open": open_door,
    "shut": shut,
    "steady": steady,
    "weight": weigh,
}
"""The actions at the door; each is a step in the ledger of the host where HAProxy runs."""

NAMES = ("probe", *STEPS, "announce")

MEANT = {"close": MAINT, "shut": MAINT, "open": READY}


def run_task(task: Task, check_mode: bool) -> dict[str, Any]:
    """Do one action; in check mode look at the door and say what it would do."""
    if task.action == "probe":
        return looked_at(task)
    if task.action == "announce":
        return {"changed": True} if check_mode else announced(task)
    if check_mode:
        return foretold(task)
    with open_journal(task.run) as journal:
        return STEPS[task.action](journal, task, reached(journal, task))


def announced(task: Task) -> dict[str, Any]:
    """Record the opening on the host whose door it is."""
    with open_journal(task.run) as journal:
        return announce(journal, task)


def reached(journal: Journal, task: Task) -> Handle:
    """The door, answering; when it does not, the step has failed before it did anything."""
    try:
        return opened(task.door)
    except StepFailed:
        with journal.step(task.phase, task.step, task.inputs):
            raise


def looked_at(task: Task) -> dict[str, Any]:
    """The facts of the door."""
    try:
        return {"changed": False, "doors": "haproxy", "evidence": probe(opened(task.door))}
    except StepFailed as error:
        raise as_refusal(error) from error


def foretold(task: Task) -> dict[str, Any]:
    """What an action would change, as a diff; the last healthy server is refused here already."""
    handle = opened(task.door)
    if task.action == "close":
        refuse_last(task, handle)
    server = handle.look()
    before, after = server.admin, MEANT.get(task.action, server.admin)
    if task.action == "weight":
        before = f"weight {server.weight}"
        after = f"weight {server.full_weight * (task.weight or 0) // 100}"
    title = f"{task.door.name}: {task.action}"
    diff = {
        "before_header": title,
        "after_header": title,
        "before": f"{before}\n",
        "after": f"{after}\n",
    }
    return {"changed": before != after, "diff": diff, "evidence": {"before": server.facts()}}
