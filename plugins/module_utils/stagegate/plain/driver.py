"""The actions by name: what each does, and what it would do."""

from __future__ import annotations

from collections.abc import Callable

from ..journal import Journal, open_journal
from ..store.driver import foretold, prune
from ..store.steps import Result
from .evidence import count_delta, forensic
from .forward import activate, seal, stage
from .live import locate
from .probe import probe
from .proof import back_up, compare, verify
from .restore import restore
from .task import PlainTask

Action = Callable[[Journal, PlainTask], Result]


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


def run_task(task: PlainTask, check_mode: bool) -> Result:
    """Do one action; in check mode say what it would do."""
    if task.action == "probe":
        return {"changed": False, "evidence": probe(task, act=not check_mode)}
    if task.action == "verify":
        return {"changed": False, "evidence": verify(task)}
    if check_mode:
        return foretold(task, lambda: locate(task))
    with open_journal(task.run) as journal:
        return STEPS[task.action](journal, task)
