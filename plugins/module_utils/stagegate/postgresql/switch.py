"""The moment from which services use what was migrated."""

from __future__ import annotations

from ..errors import StepFailed
from ..journal import Journal
from ..store.steps import Result, ended, needed_state
from .access import opened, server
from .client import Connection, do
from .closing import prove_alone, reopen
from .databases import existing, rename
from .task import GENERATION, OLD, Task


def activate(journal: Journal, task: Task) -> Result:
    """Open the migrated database to its users, as the live one; twice is once."""
    with (
        journal.step(task.phase, task.step, {"database": task.live}) as step,
        server(task) as admin,
    ):
        staged = needed_state(journal, "stage", task.store.name)
        sealed = needed_state(journal, "seal", task.store.name)
        old = None
        if not task.in_place:
            old = None if staged["created"] else task.beside(OLD)
            exchange(task, admin, old)
        opened_now = reopen(admin, task.live)
        if not task.in_place:
            analyze(task)
        state = {
            "database": task.live,
            "old_database": old,
            "class": staged["class"],
            "schema": sealed["schema"],
        }
        return ended(step, state, {"to": staged["database"], "old": old, "opened": opened_now})


def exchange(task: Task, admin: Connection, old: str | None) -> None:
    """Give the live name to this run's generation, in one transaction; nothing when it has it."""
    generation = task.beside(GENERATION)
    there = existing(admin, [task.live, generation, *([old] if old else [])])
    wanted = {generation, *([task.live] if old else [])}
    if there == {task.live, *([old] if old else [])}:
        return
    if there != wanted:
        raise mixed(task, there)
    for name in sorted(there):
        prove_alone(admin, name)
    with admin.transaction():
        if old:
            rename(admin, task.live, old)
        rename(admin, generation, task.live)
        reopen(admin, task.live)


def analyze(task: Task) -> None:
    """Tell the planner about the new database: a copy has no statistics of its use."""
    with opened(task, task.live) as connection:
        do(connection, "ANALYZE")


def mixed(task: Task, there: set[str]) -> StepFailed:
    """The words for databases that are not as this run left them."""
    return StepFailed(
        f"the databases of {task.store.name} are not as run {task.run.id} left them: there are "
        f"{', '.join(sorted(there)) or 'none'}",
        now="nothing was renamed",
        untouched="all databases",
        next="find out who renamed or dropped one; the ledger says what was there",
    )
