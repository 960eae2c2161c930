"""Going back, by what the class of the migration allows and by what is really there.

Nothing is decided by a version number. Which databases exist, who closed them and what their
schemas are is looked at; a state that this run did not make is left alone, with the difference
named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..errors import Fenced, StepFailed
from ..journal import Journal
from ..store.steps import Result, ended, entries_of, last_state
from .access import opened, server
from .catalog import difference, in_words, kept_objects, read_schema
from .client import Connection
from .closing import close, prove_alone, reopen
from .databases import drop, existing, exists, read_database, rename
from .drill import content_problems, restore_image
from .evidence import pin
from .forward import State
from .invalid import drop_invalid
from .loss import accepted_loss
from .manifest import verify_backup
from .switch import analyze
from .task import DRILL, FAILED, GENERATION, OLD, Task


def restore(journal: Journal, task: Task) -> Result:
    """Put back what this run found; say so when there was nothing to put back."""
    with (
        journal.step(task.phase, task.step, {"database": task.live}) as step,
        server(task) as admin,
    ):
        if step.earlier is not None:  # users may have come back since
            return ended(step, dict(step.earlier.state), {"resumed": True})
        state = put_back(journal, task, admin)
        return ended(step, state, state)


def put_back(journal: Journal, task: Task, admin: Connection) -> State:
    """The way back that fits what this run began."""
    staged = last_state(journal, f"stage:{task.store.name}")
    if not entries_of(journal, f"stage:{task.store.name}"):
        return {"unfinished": None}
    if staged is None:
        return drop_unfinished(journal, task, admin)
    if staged["created"]:
        return take_away(journal, task, admin)
    if staged["class"] == "one_way":
        return rename_back(journal, task, admin)
    if staged["class"] == "reversible":
        return lead_down(journal, task, admin, staged)
    return prove_whole(journal, task, admin, staged)


def drop_unfinished(journal: Journal, task: Task, admin: Connection) -> State:
    """Undo a stage that died: nothing was migrated, and nothing it made says anything."""
    for which in (GENERATION, DRILL):
        drop(admin, task.store, task.beside(which))
    kept = last_state(journal, f"store:{task.store.name}") or {}
    if kept.get("absent"):
        return take_away(journal, task, admin)
    return {"database": task.live, "unfinished": None, "opened": reopen(admin, task.live)}


def take_away(journal: Journal, task: Task, admin: Connection) -> State:
    """After a first install: what it made is kept under another name, and nothing is live."""
    names = (task.live, task.beside(GENERATION))
    there = [name for name in names if name in existing(admin, list(names))]
    lost = 0
    if task.live in there:
        close(admin, task.live, task.run.id)
        lost = accepted_loss(journal, task)
    if entries_of(journal, f"activate:{task.store.name}"):
        pin(task)
    kept = [put_aside(task, admin, name) for name in there]
    return {"database": None, "kept": kept, "lost_rows": lost}


def put_aside(task: Task, admin: Connection, name: str) -> str:
    """Keep a database as the one that failed, closed; return its name."""
    failed = task.beside(FAILED)
    close(admin, name, task.run.id)
    if exists(admin, failed):  # an earlier try left one; this one is what failed in the end
        drop(admin, task.store, failed)
    rename(admin, name, failed)
    return failed


def rename_back(journal: Journal, task: Task, admin: Connection) -> State:
    """Give the live name back to the former database, whatever the size of the data."""
    old, generation, failed = (task.beside(which) for which in (OLD, GENERATION, FAILED))
    there = existing(admin, [task.live, old, generation, failed])
    if old in there and task.live in there and generation not in there:
        return exchange_back(journal, task, admin)
    if task.live not in there or old in there:
        raise Fenced(
            f"the databases of {task.store.name} are in no state that run {task.run.id} makes: "
            f"there are {', '.join(sorted(there)) or 'none'}",
            now="nothing was renamed",
            untouched="all databases",
            next="find out who renamed or dropped one; the ledger says what was there",
        )
    kept = put_aside(task, admin, generation) if generation in there else None
    kept = kept or (failed if failed in there else None)
    return {"database": task.live, "unfinished": kept, "opened": reopen(admin, task.live)}


def exchange_back(journal: Journal, task: Task, admin: Connection) -> State:
    """The live database becomes the failed one, the former one is live: one transaction."""
    old, failed = task.beside(OLD), task.beside(FAILED)
    close(admin, task.live, task.run.id)
    lost = accepted_loss(journal, task)
    if exists(admin, failed):
        drop(admin, task.store, failed)
    pin(task)
    prove_alone(admin, old)
    with admin.transaction():
        rename(admin, task.live, failed)
        rename(admin, old, task.live)
        reopen(admin, task.live)
    return {"database": task.live, "kept": failed, "lost_rows": lost}


def lead_down(journal: Journal, task: Task, admin: Connection, staged: Mapping[str, Any]) -> State:
    """After the downgrade: prove that the schema is the recorded one, and open the database.

    A database that stayed closed since it was frozen can have lost and got nothing: half made or
    otherwise unlike, it is replaced by the final image. Any other is left closed to a person.
    """
    activated = entries_of(journal, f"activate:{task.store.name}")
    unused = not activated and closed_by_us(task, admin)
    close(admin, task.live, task.run.id)
    wrong = unlike_recorded(task, staged, rows_too=unused)
    if wrong and not unused:
        raise half_made(task, wrong, "the database stays closed")
    kept = rebuild(task, admin, staged) if wrong else None
    reopen(admin, task.live)
    return {
        "database": task.live,
        "schema": staged["schema"],
        "unlike": wrong,
        "kept": kept,
    }


def closed_by_us(task: Task, admin: Connection) -> bool:
    """True while the live database is closed, and this run closed it."""
    mark = read_database(admin, task.live).mark
    return mark is not None and mark["run"] == task.run.id


def unlike_recorded(task: Task, staged: Mapping[str, Any], rows_too: bool) -> str:
    """How the live database differs from what was recorded before the migration."""
    with opened(task, task.live) as connection:
        schema = read_schema(connection, task.store.is_bookkeeping)
        changes = difference(kept_objects(staged["objects"]), schema.objects)
        if schema.fingerprint != staged["schema"]:
            return in_words(changes) or "its recorded objects are lost"
        if not rows_too:
            return ""
        with fenced_without_image(task):
            image = verify_backup(task.frozen, task.store, staged["sha256"])
        return "; ".join(content_problems(connection, schema, image)[:5])


def rebuild(task: Task, admin: Connection, staged: Mapping[str, Any]) -> str:
    """Put the final image in the place of a database that nobody used since; return what the
    failed one is called."""
    generation, failed = task.beside(GENERATION), task.beside(FAILED)
    with fenced_without_image(task):
        image = verify_backup(task.frozen, task.store, staged["sha256"])
        restore_image(task, task.frozen / image.file, image, generation)
    drop(admin, task.store, failed)
    for name in (task.live, generation):
        prove_alone(admin, name)
    with admin.transaction():
        rename(admin, task.live, failed)
        rename(admin, generation, task.live)
    analyze(task)
    return failed


@contextmanager
def fenced_without_image(task: Task) -> Iterator[None]:
    """Raise Fenced for a final image that cannot be used: nothing else may take its place."""
    try:
        yield
    except StepFailed as error:
        raise Fenced(
            error.what,
            now=f"{task.live} stays closed, as the migration left it; the services are held",
            untouched="the live database; the backup of before the run",
            next=error.next or "decide by hand what takes its place; nothing is dropped meanwhile",
        ) from error


def prove_whole(
    journal: Journal, task: Task, admin: Connection, staged: Mapping[str, Any]
) -> State:
    """Nothing goes back, and nothing half-made may stay: the schema is the old or the new one.

    Invalid indexes of this run are dropped. Raises Fenced with the objects that belong to neither.
    A database that an earlier run left closed is opened: the former release is about to start.
    """
    with opened(task, task.live) as connection:
        dropped, left = drop_invalid(connection, staged["invalid"])
        schema = read_schema(connection, task.store.is_bookkeeping)
    known = {"old": staged["schema"], "new": recorded_new(journal, task)}
    for which, fingerprint in known.items():
        if fingerprint == schema.fingerprint:
            opened_now = reopen(admin, task.live)
            found = {"schema": fingerprint, "is": which, "dropped": dropped}
            return {"database": task.live, **found, "opened": opened_now}
    changes = difference(kept_objects(staged["objects"]), schema.objects)
    raise half_made(
        task, in_words(changes) or f"invalid indexes {', '.join(left)}", "its users go on using it"
    )


def recorded_new(journal: Journal, task: Task) -> str | None:
    """The schema after the migration: as it was sealed, or as the rehearsal made it."""
    for action in ("seal", "compare"):
        state = last_state(journal, f"{action}:{task.store.name}")
        if state is not None:
            return str(state["schema"])
    return None


def half_made(task: Task, changes: str, now: str) -> Fenced:
    """The words for a schema that is neither the one before nor the one after the migration."""
    return Fenced(
        f"the schema of {task.live} is half made: against the recorded one {changes}",
        now=f"{now}; no downgrade by version was tried",
        untouched="its data, and the backup of before the migration",
        next="correct these objects by hand, then run the same command again",
    )
