"""What is written down and frozen before a migration, by its class.

========== ======================================== ==============================================
class      what migrates                            what is done before
========== ======================================== ==============================================
compatible the live database, under its users       schema and row counts written down, restore
                                                    point where the WAL is archived
reversible the live database, closed to everybody   the same, and the final image
           but its owner
one_way    a copy of the live database, which is    the same, and the copy
           closed to everybody
========== ======================================== ==============================================
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ..errors import BadInput, StepFailed
from ..journal import Journal
from ..store.steps import Result, ended, entries_of, last_state
from .access import opened, server
from .catalog import keep_objects, read_schema
from .client import Connection, value
from .closing import admit_owner, close
from .content import count_rows
from .databases import drop, exists, read_database
from .image import take_image
from .manifest import verify_backup
from .room import data_directory, needs_of_copies, refuse_no_room
from .settings import create_copy, create_empty
from .task import DRILL, GENERATION, Task

State = dict[str, Any]
NOTHING_RECORDED: State = {
    "schema": None,
    "objects": None,
    "rows": {},
    "invalid": [],
    "frozen": None,
    "sha256": None,
    "limit": None,
    "ended": [],
    "restore_point": None,
}


def stage(journal: Journal, task: Task) -> Result:
    """Make ready what the migration will change, and write down the way back from it."""
    if task.directory is not None:
        raise BadInput(
            f"{task.store.name}: a PostgreSQL database is not staged from a backup of another run",
            now="nothing was changed",
            untouched="all databases",
            next="restore the backup by hand (pg_restore), as its manifest says, then deploy",
        )
    inputs = {"database": task.live, "class": task.migration_class}
    with journal.step(task.phase, task.step, inputs) as step, server(task) as admin:
        state = standing(journal, task, admin)
        if state is not None:
            return ended(step, state, {"resumed": True, "database": state["database"]})
        drop(admin, task.store, task.beside(DRILL))  # its room is needed, its work is done
        state = begin(journal, task, admin)
        shown = ("database", "class", "created", "restore_point", "frozen", "ended")
        return ended(step, state, {key: state[key] for key in shown})


def standing(journal: Journal, task: Task, admin: Connection) -> State | None:
    """What an earlier try of this run made ready, when it must not be made anew.

    Once a migration may have run on the live database, what was recorded before is the only way
    back. A copy is simply made again, until it was judged.
    """
    state = last_state(journal, task.step)
    if state is None:
        return None
    if not task.in_place:
        judged = last_state(journal, f"seal:{task.store.name}") is not None
        return state if judged else None
    if state["frozen"] and not entries_of(journal, f"activate:{task.store.name}"):
        verify_backup(Path(state["frozen"]), task.store, state["sha256"])
        refuse_opened(admin, task)
        close(admin, task.live, task.run.id)
        admit_owner(admin, task.live, task.store.owner)
    return state


def refuse_opened(admin: Connection, task: Task) -> None:
    """Raise StepFailed when somebody opened the live database since it was frozen."""
    if read_database(admin, task.live).mark is None:
        raise StepFailed(
            f"the database {task.live} was opened since this run froze it: users may have written",
            now="it is open; the final image is no longer what they last saw",
            untouched="its data",
            next="ansible-playbook playbooks/rollback.yml -i <inventory>, then deploy again",
        )


def begin(journal: Journal, task: Task, admin: Connection) -> State:
    """Everything from the beginning."""
    created = is_first(journal, task, admin)
    database = task.live if task.in_place else task.beside(GENERATION)
    state = {
        "class": task.migration_class,
        "created": created,
        "database": database,
        "url": task.url(database),
        **NOTHING_RECORDED,
    }
    if not created:
        if task.migration_class != "compatible":
            state.update(freeze(task, admin, journal.clock.wall()))
        state.update(recorded(task), restore_point=restore_point(task, admin))
    if not task.in_place:
        drop(admin, task.store, database)
    if created:
        if not exists(admin, database):
            create_empty(admin, task.store, database, None)
    elif not task.in_place:
        copy_live(task, admin, database)
    if read_database(admin, database).mark is not None:  # closed by this run, or left so by one
        admit_owner(admin, database, task.store.owner)
    return state


def copy_live(task: Task, admin: Connection, database: str) -> None:
    """Copy the live database, and close the copy as well."""
    live = read_database(admin, task.live)
    refuse_no_room(task.store, [needs_of_copies(data_directory(admin), live, 1)])
    create_copy(admin, database, task.live)
    close(admin, database, task.run.id)


def is_first(journal: Journal, task: Task, admin: Connection) -> bool:
    """True on a first install. Raises StepFailed when a database came or went unasked."""
    there = exists(admin, task.live)
    kept = last_state(journal, f"store:{task.store.name}")
    absent = not there if kept is None else bool(kept.get("absent"))
    ours = task.in_place and len(entries_of(journal, task.step)) > 1
    if absent == there and not (absent and ours):
        words = "was made by somebody else" if there else "is gone"
        raise StepFailed(
            f"the database {task.live} {words} since the backup of this run",
            now="nothing was changed",
            untouched="all databases",
            next="find out who did that, then deploy again",
        )
    return absent


def freeze(task: Task, admin: Connection, taken: str) -> State:
    """Close the live database and keep the exact state that users last saw."""
    closed = close(admin, task.live, task.run.id)
    discard(task.frozen)
    manifest = take_image(task, task.live, task.frozen, taken)
    return {
        "frozen": str(task.frozen),
        "sha256": manifest.sha256,
        "limit": closed["mark"]["limit"],
        "ended": closed["ended"],
    }


def discard(directory: Path) -> None:
    """Remove an image that an earlier try of this run took; what it showed is shown anew."""
    if directory.exists():
        shutil.rmtree(directory)


def recorded(task: Task) -> State:
    """What the live database is before the migration; an image has more to say of its rows."""
    with opened(task, task.live) as connection:
        schema = read_schema(connection, task.store.is_bookkeeping)
        tables = schema.tables if task.migration_class == "compatible" else {}
        rows = {name: count_rows(connection, table) for name, table in tables.items()}
    return {
        "schema": schema.fingerprint,
        "objects": keep_objects(task.evidence, "old", schema),
        "rows": rows,
        "invalid": list(schema.invalid),
    }


def restore_point(task: Task, admin: Connection) -> State | None:
    """A named point in an archived WAL, for a recovery by other tools; None without an archive."""
    if value(admin, "SHOW archive_mode") == "off":
        return None
    name = f"stagegate-{task.run.id}"[:63]
    return {"name": name, "lsn": value(admin, "SELECT pg_create_restore_point(%s)::text", name)}
