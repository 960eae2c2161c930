"""The actions that lead forward: a new generation is staged, sealed once migrated, made live."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..errors import StepFailed
from ..files import make_private_dir
from ..journal import Journal
from ..store.facts import difference, refuse_touched
from ..store.generations import (
    content_of,
    make_generation,
    put_aside,
    read_link,
    set_alias,
    settle,
    switch_to,
)
from ..store.guard import recorded_digest, refuse_unguarded
from ..store.steps import Result, ended, last_state, needed_state
from .account import copy_account
from .live import locate, read_facts, refuse_openers, refuse_unlike
from .manifest import verify_backup
from .task import PlainTask


def stage(journal: Journal, task: PlainTask) -> Result:
    """Freeze the live generation and make the new one as its copy; services must be stopped.

    With a backup's directory named, the new generation is made from that, proved again first.
    """
    old_target = read_link(task.store)
    inputs = {"target": task.target, "backup": str(task.directory or "")}
    with journal.step(task.phase, task.step, inputs) as step:
        sealed = last_state(journal, f"seal:{task.store.name}")
        if step.earlier is not None and sealed is not None and task.generation.exists():
            return ended(step, dict(step.earlier.state), {"resumed": True})
        if old_target == task.target:
            raise StepFailed(
                f"{task.store.link} leads to {old_target} already, though it was never sealed",
                now="nothing was changed",
                untouched="the data",
                next="ansible-playbook playbooks/rollback.yml -i <inventory>",
            )
        aside = put_aside(task.store, task.target)
        task.content.remove(task.rehearsed)  # its room is needed, its work is done
        source = verified_source(task)
        state = begin(task, source) if old_target is None else freeze(task, old_target, source)
        evidence = {"from": old_target, "to": task.target, "staged": state["staged"]}
        if source is not None:
            evidence["backup"] = str(source)
        if aside is not None:
            evidence["unfinished"] = str(aside)
        return ended(step, state, evidence)


def verified_source(task: PlainTask) -> Path | None:
    """The data of the named backup, every byte proved; None when none is named."""
    if task.directory is None:
        return None
    return task.directory / verify_backup(task, task.directory, recorded_digest(task)).data


def freeze(task: PlainTask, old_target: str, source: Path | None) -> dict[str, Any]:
    """Copy the data of the live generation, and prove that nobody touched them meanwhile."""
    old = content_of(task.store, old_target)
    refuse_openers(task, old)
    facts = read_facts(task, old)
    state = {**make_copy(task, source or old), "old_target": old_target, "old": facts}
    if source is not None:  # what would be carried over goes behind the former data, not these
        state["staged"] = task.content.mark(old)
    refuse_openers(task, old)
    refuse_touched(old, facts, lambda place: read_facts(task, place))
    return state


def begin(task: PlainTask, source: Path | None) -> dict[str, Any]:
    """Make the first generation of a store: from a backup, or with nothing in it."""
    locate(task)
    if source is not None:
        return {**make_copy(task, source), "old_target": None, "old": None}
    make_generation(task.store, task.target)
    task.content.empty(task.generation)
    hand_over(task, task.generation)
    return {**places(task, None), "old_target": None, "old": None, "staged": {}}


def make_copy(task: PlainTask, source: Path) -> dict[str, Any]:
    """Make the new generation as a copy of data at rest, with their account."""
    make_generation(task.store, task.target)
    make_private_dir(task.evidence)
    staged = task.content.copy(source, task.generation, task.evidence)
    copy_account(source, task.generation)
    hand_over(task, task.generation)
    return {**places(task, source), "staged": staged}


def hand_over(task: PlainTask, place: Path) -> None:
    """Make a generation the service's own: it may replace its data by a rename, and none may look.

    Before this, and again once a migration ran as the service, nothing in it is followed.
    """
    ids = task.store.owner_ids()
    task.content.give(place, ids)
    if ids is not None:
        os.chown(place.parent, ids[0], ids[1], follow_symlinks=False)


def places(task: PlainTask, before: Path | None) -> dict[str, Any]:
    """Where things lie, for the steps and the rollback after this one."""
    return {
        "link": str(task.store.link),
        "new_target": task.target,
        "data": str(task.generation),
        "before": None if before is None else str(before),
    }


def seal(journal: Journal, task: PlainTask) -> Result:
    """Prove the migrated generation against the frozen one and make it ready to be switched to."""
    inputs = {"target": task.target, "version": task.version, "declared": repr(task.content)}
    with journal.step(task.phase, task.step, inputs) as step:
        staged = needed_state(journal, "stage", task.store.name)
        if step.earlier is not None and still_sealed(task, step.earlier.state):
            return ended(step, dict(step.earlier.state), {"resumed": True})
        refuse_unlike(task, task.generation)
        refuse_openers(task, task.generation)
        before = Path(staged["before"]) if staged["before"] else None
        found = task.content.judge(before, task.generation, task.scratch)
        hand_over(task, task.generation)
        settle(task.store, task.target)
        make_private_dir(task.evidence)
        state = {
            "data": str(task.generation),
            "target": task.target,
            "kept": task.content.keep(task.generation, task.evidence),
            "facts": read_facts(task, task.generation),
        }
        return ended(step, state, found)


def still_sealed(task: PlainTask, state: dict[str, Any]) -> bool:
    """True when an earlier seal holds: the generation is live already, or is as it was."""
    if read_link(task.store) == task.target:
        return True
    if not task.generation.exists():
        return False
    return not difference(state["facts"], read_facts(task, task.generation))


def activate(journal: Journal, task: PlainTask) -> Result:
    """Make this run's sealed generation the live one, in constant time; twice is once."""
    with journal.step(task.phase, task.step, {"target": task.target}) as step:
        staged = needed_state(journal, "stage", task.store.name)
        sealed = needed_state(journal, "seal", task.store.name)
        live = read_link(task.store)
        if live != task.target:
            refuse_unguarded(task)
            refuse_unready(task, staged, sealed, live)
            switch_to(task.store, task.target)
        state = {
            "link": str(task.store.link),
            "old_target": staged["old_target"],
            "new_target": task.target,
            "alias_made": set_alias(task.store),
        }
        return ended(step, state, {"from": staged["old_target"], "to": task.target})


def refuse_unready(
    task: PlainTask, staged: dict[str, Any], sealed: dict[str, Any], live: str | None
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
    changed = difference(sealed["facts"], read_facts(task, task.generation))
    if changed:
        raise StepFailed(
            f"{task.generation} is not what was sealed: {changed}",
            now="the data link was not moved",
            untouched="the live data",
            next="ansible-playbook playbooks/rollback.yml -i <inventory>, then deploy again",
        )
    refuse_openers(task, task.generation)
    if live is not None:
        old = content_of(task.store, live)
        refuse_openers(task, old)
        refuse_touched(old, staged["old"], lambda place: read_facts(task, place))
