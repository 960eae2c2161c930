"""The verdict over what a migration made, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from ..journal import Journal
from ..store.steps import Result, ended, entries_of, last_state, needed_state
from .access import opened, server
from .catalog import (
    UNCHANGED,
    Schema,
    difference,
    in_words,
    keep_objects,
    kept_objects,
    read_schema,
)
from .client import Connection
from .closing import close
from .content import count_rows
from .drill import restored
from .forward import State, discard
from .image import take_image
from .invalid import drop_invalid
from .judge import judge_copy, judge_live, judged
from .manifest import Manifest, read_manifest, verify_backup
from .task import Task


def seal(journal: Journal, task: Task) -> Result:
    """Judge the migrated database and write down what it is now; twice is once."""
    with journal.step(task.phase, task.step, seal_inputs(task)) as step, server(task) as admin:
        staged = needed_state(journal, "stage", task.store.name)
        if step.earlier is not None and entries_of(journal, f"activate:{task.store.name}"):
            return ended(step, dict(step.earlier.state), {"resumed": True})
        if staged["class"] == "compatible" and not staged["created"]:
            state, evidence = seal_live(journal, task, staged)
        else:
            state, evidence = seal_closed(journal, task, staged, admin)
        return ended(step, {"database": staged["database"], **state}, evidence)


def seal_inputs(task: Task) -> State:
    """What the verdict depends on."""
    declared = {name: repr(rule) for name, rule in sorted(task.declared.items())}
    return {"class": task.migration_class, "version": task.version, "declared": declared}


def seal_live(journal: Journal, task: Task, staged: Mapping[str, Any]) -> tuple[State, State]:
    """Judge a database that users go on writing to.

    An invalid index that this run left there costs every writer: it is dropped before the failure.
    """
    with opened(task, task.live) as connection:
        schema = read_schema(connection, task.store.is_bookkeeping)
        rows = {name: count_rows(connection, table) for name, table in schema.tables.items()}
        wrong = judge_live(task, schema, staged["rows"], rows)
        wrong += unlike_rehearsed(journal, task, staged, schema)
        if wrong:
            raise judged(task, [*wrong, *dropped_in_words(connection, staged)])
    state = kept(task, schema)
    return {**state, "image": None}, {"schema": schema.fingerprint, "rows": rows}


def dropped_in_words(connection: Connection, staged: Mapping[str, Any]) -> list[str]:
    """Drop the invalid indexes of this run; say which are gone and which are not."""
    dropped, left = drop_invalid(connection, staged["invalid"])
    return [
        *(f"dropped the invalid index {name} that this run left" for name in dropped),
        *(f"the invalid index {name} stays: its table is locked" for name in left),
    ]


def seal_closed(
    journal: Journal, task: Task, staged: Mapping[str, Any], admin: Connection
) -> tuple[State, State]:
    """Judge a database that nobody else has open, every row of it."""
    database = staged["database"]
    close(admin, database, task.run.id)
    before = former_image(task, staged)

    def former() -> AbstractContextManager[str]:
        return restored(task, task.frozen, before) if task.in_place else nullcontext(task.live)

    found = judge_copy(task, before, former, database)
    wrong = unlike_rehearsed(journal, task, staged, found.schema)
    if wrong:
        raise judged(task, wrong)
    return {**kept(task, found.schema), **imaged(journal, task, staged)}, found.evidence


def former_image(task: Task, staged: Mapping[str, Any]) -> Manifest:
    """The paper of the state before the migration, its dump proved."""
    if staged["created"]:
        return Manifest.of_nothing(task.store, task.run.id, "")
    return verify_backup(Path(staged["frozen"]), task.store, staged["sha256"])


def unlike_rehearsed(
    journal: Journal, task: Task, staged: Mapping[str, Any], schema: Schema
) -> list[str]:
    """How the schema changed otherwise than in the rehearsal; empty when nothing was rehearsed.

    Changes are compared, not schemas: a partition that was added since the backup is in neither.
    """
    backup = last_state(journal, f"store:{task.store.name}")
    rehearsed = last_state(journal, f"compare:{task.store.name}")
    if backup is None or rehearsed is None:
        return []
    start = read_manifest(Path(backup["directory"])).objects
    expected = difference(start, kept_objects(rehearsed["objects"]))
    former = kept_objects(staged["objects"]) if staged["objects"] else {}
    happened = difference(former, schema.objects)
    other = {name: happened.get(name, UNCHANGED) for name in difference(expected, happened)}
    if not other:
        return []
    return [f"the schema changed otherwise than in the rehearsal: {in_words(other)}"]


def kept(task: Task, schema: Schema) -> State:
    """The new schema, written down for the way back."""
    return {
        "schema": schema.fingerprint,
        "objects": keep_objects(task.evidence, "new", schema),
    }


def imaged(journal: Journal, task: Task, staged: Mapping[str, Any]) -> State:
    """An image of what will be activated, where going back would lose what is written afterwards.

    ``delta`` counts those rows against it.
    """
    if task.in_place and not staged["created"]:
        return {"image": None}
    discard(task.image)
    manifest = take_image(task, staged["database"], task.image, journal.clock.wall())
    return {"image": str(task.image), "sha256": manifest.sha256}
