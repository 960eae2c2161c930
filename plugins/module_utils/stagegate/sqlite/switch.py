"""The one rename that makes a generation live, and everything that must be true before it."""

from __future__ import annotations

from typing import Any

from ..errors import StepFailed
from ..journal import Journal
from ..store.facts import difference, refuse_touched
from ..store.generations import content_of, read_link, set_alias, switch_to
from ..store.guard import refuse_unguarded
from ..store.steps import Result, ended, needed_state
from .openers import refuse_openers
from .rest import read_facts
from .task import Task


def activate(journal: Journal, task: Task) -> Result:
    """Make this run's sealed generation the live one, in constant time; twice is once."""
    with journal.step(task.phase, task.step, {"target": task.target}) as step:
        staged = needed_state(journal, "stage", task.store.name)
        sealed = needed_state(journal, "seal", task.store.name)
        live = read_link(task.store)
        if live != task.target:
            refuse_unguarded(task)
            refuse_unready(task, staged, sealed, live)
            switch_to(task.store, task.target)
        alias = set_alias(task.store)
        state = {
            "link": str(task.store.link),
            "old_target": staged["old_target"],
            "new_target": task.target,
            "alias_made": alias,
        }
        return ended(step, state, {"from": staged["old_target"], "to": task.target})


def refuse_unready(
    task: Task, staged: dict[str, Any], sealed: dict[str, Any], live: str | None
) -> None:
    """Raise StepFailed unless both generations are as the ledger says, and nobody has them open."""
    if live != staged["old_target"]:
        raise StepFailed(
            f"{task.store.link} leads to {live}, neither to {staged['old_target']} nor to "
            f"{task.target}",
            now="the data link was not moved",
            untouched="all data",
            next="find out who moved the link; the ledger says where it led",
        )
    changed = difference(sealed["facts"], read_facts(task.generation))
    if changed:
        raise StepFailed(
            f"{task.generation} is not what was sealed: {changed}",
            now="the data link was not moved",
            untouched="the live data",
            next="ansible-playbook playbooks/rollback.yml -i <inventory>, then deploy again",
        )
    refuse_openers(task.generation)
    if live is not None:
        refuse_openers(content_of(task.store, live))
        refuse_touched(content_of(task.store, live), staged["old"], read_facts)
