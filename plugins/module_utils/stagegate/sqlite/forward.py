"""The actions that make a new generation ready: stage it, and seal it once it is migrated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import StepFailed
from ..files import fsync_dir, make_private_dir
from ..journal import Journal
from ..store.copying import copy_file, digest_file, fsync_file
from ..store.facts import difference, refuse_touched
from ..store.generations import content_of, make_generation, put_aside, read_link, settle
from ..store.guard import recorded_digest
from ..store.steps import Result, ended, last_state, needed_state
from .connect import AT_REST, OWN, opened
from .generations import give_to_owner, locate
from .judge import judge_copy
from .manifest import verify_backup
from .openers import refuse_openers
from .rest import (
    copy_at_rest,
    fold,
    read_facts,
    remove_database,
)
from .schema import read_schema
from .task import Task


def stage(journal: Journal, task: Task) -> Result:
    """Freeze the live generation and make the new one as its copy; services must be stopped.

    With a backup's directory named, the new generation is made from that, proved again first.
    """
    old_target = read_link(task.store)
    inputs = {"target": task.target, "backup": str(task.directory or "")}
    with journal.step(task.phase, task.step, inputs) as step:
        sealed = last_state(journal, f"seal:{task.store.name}")
        if step.earlier is not None and sealed is not None and task.generation.exists():
            state = dict(step.earlier.state)
            return ended(step, state, {"resumed": True, "database": state["database"]})
        if old_target == task.target:
            raise StepFailed(
                f"{task.store.link} leads to {old_target} already, though it was never sealed",
                now="nothing was changed",
                untouched="the data",
                next="ansible-playbook playbooks/rollback.yml -i <inventory>",
            )
        aside = put_aside(task.store, task.target)
        remove_database(task.rehearsed)  # its room is needed, its work is done
        source = verified_source(task)
        state = begin(task, source) if old_target is None else freeze(task, old_target, source)
        evidence = {"database": state["database"], "from": old_target, "to": task.target}
        if source is not None:
            evidence["backup"] = str(source)
        if aside is not None:
            evidence["unfinished"] = str(aside)
        return ended(step, state, evidence)


def verified_source(task: Task) -> Path | None:
    """The database of the named backup, every byte of it proved; None when none is named."""
    if task.directory is None:
        return None
    manifest = verify_backup(task.directory, task.store.name, recorded_digest(task))
    return task.directory / manifest.database


def freeze(task: Task, old_target: str, source: Path | None) -> dict[str, Any]:
    """Copy the data of the live generation, and prove that nobody touched them meanwhile."""
    old = content_of(task.store, old_target)
    refuse_openers(old)
    facts = read_facts(old)
    state = {**copy_frozen(task, source or old), "old_target": old_target, "old": facts}
    refuse_openers(old)
    refuse_touched(old, facts, read_facts)
    # What replaces a generation that may be damaged says nothing of that one's schema.
    return state if source is None else {**state, "schema": None}


def begin(task: Task, source: Path | None) -> dict[str, Any]:
    """Make the first generation of a store: from a backup, or a database without a table."""
    locate(task.store, task.pinned_generations())
    state = make_empty(task) if source is None else copy_frozen(task, source)
    return {**state, "old_target": None, "old": None}


def copy_frozen(task: Task, source: Path) -> dict[str, Any]:
    """Make the new generation as a copy of a database at rest, and one more to compare with."""
    copy_at_rest(source, task.frozen)
    with opened(task.frozen, AT_REST) as connection:
        schema = read_schema(connection, task.store.is_bookkeeping)
    make_generation(task.store, task.target)
    copy_file(task.frozen, task.generation)
    give_to_owner(task.store, task.generation.parent)
    return {**places(task), "frozen": str(task.frozen), "schema": schema.fingerprint}


def make_empty(task: Task) -> dict[str, Any]:
    """Make the new generation as a database without a table."""
    make_generation(task.store, task.target)
    task.generation.touch(0o600)
    with opened(task.generation, OWN) as connection:
        connection.execute("PRAGMA user_version = 0")  # makes SQLite write its header
    give_to_owner(task.store, task.generation.parent)
    return {**places(task), "frozen": None, "schema": None}


def places(task: Task) -> dict[str, Any]:
    """Where things lie, for the steps and the rollback after this one."""
    return {
        "link": str(task.store.link),
        "new_target": task.target,
        "database": str(task.generation),
    }


def seal(journal: Journal, task: Task) -> Result:
    """Prove the migrated generation against the frozen one and make it ready to be switched to."""
    with journal.step(task.phase, task.step, seal_inputs(task)) as step:
        staged = needed_state(journal, "stage", task.store.name)
        if step.earlier is not None and still_sealed(task, step.earlier.state):
            return ended(step, dict(step.earlier.state), {"resumed": True})
        refuse_openers(task.generation)
        give_to_owner(task.store, task.generation.parent)
        fold(task.generation, "wal" if task.store.journal_mode == "wal" else "delete")
        before = Path(staged["frozen"]) if staged["frozen"] else None
        found = judge_copy(task, before, task.generation)
        give_to_owner(task.store, task.generation.parent)
        fsync_file(task.generation)
        settle(task.store, task.target)
        sha256 = keep_image(task)
        remove_database(task.frozen)
        state = {
            "database": str(task.generation),
            "target": task.target,
            "image": str(task.image),
            "sha256": sha256,
            "schema": found["schema"],
            "facts": read_facts(task.generation),
        }
        return ended(step, state, {**found, "bytes": task.generation.stat().st_size})


def seal_inputs(task: Task) -> dict[str, Any]:
    """What the seal depends on."""
    declared = {name: repr(rule) for name, rule in sorted(task.declared.items())}
    return {"target": task.target, "version": task.version, "declared": declared}


def still_sealed(task: Task, state: dict[str, Any]) -> bool:
    """True when an earlier seal holds: the generation is live already, or is as it was."""
    if read_link(task.store) == task.target:
        return True
    if not task.generation.exists() or not task.image.exists():
        return False
    return not difference(state["facts"], read_facts(task.generation))


def keep_image(task: Task) -> str:
    """Keep the state that will be activated; return its digest, proved equal to the generation."""
    make_private_dir(task.evidence)
    aside = task.image.with_name(f"{task.image.name}.partial")
    remove_database(aside)
    copy_file(task.generation, aside)
    digest = digest_file(aside, twin=task.generation)
    aside.rename(task.image)
    fsync_dir(task.evidence)
    return digest
