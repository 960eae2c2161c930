"""A backup proved by restoring it: a database of its own is made from it and questioned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import StepFailed
from .access import MAJOR, opened, program_url, tools_for
from .catalog import Schema, difference, in_words, read_schema
from .client import Connection
from .content import digest, read_sequences, sequence_problems
from .databases import ADMIN_DATABASE, Database, drop, exists, roles
from .manifest import Manifest
from .programs import Bounds, Tools, run_program
from .room import watched
from .session import options
from .settings import create_empty
from .task import CHECK, Task


def restore_image(task: Task, file: Path, manifest: Manifest, name: str) -> None:
    """Make a database of this run from a dump and prove that it has what the manifest says.

    Raises StepFailed with the first difference; the copy is left for examination then.
    """
    with opened(task, ADMIN_DATABASE) as admin:
        refuse_missing_roles(admin, manifest)
        drop(admin, task.store, name)
        create_empty(admin, task.store, name, Database.from_json(manifest.properties))
        bounds = Bounds(task.deadline, watched(admin, file.parent), task.store.reserve)
        restore(task, tools_for(admin), file, name, bounds)
    prove_same(task, name, manifest)


def refuse_missing_roles(admin: Connection, manifest: Manifest) -> None:
    """Raise StepFailed when roles that own or may use something in the dump are not there."""
    missing = sorted(set(manifest.roles) - roles(admin))
    if missing:
        raise StepFailed(
            f"the backup of {manifest.database} cannot be restored on this server: it needs the "
            f"roles {', '.join(missing)}",
            now="nothing was restored",
            untouched="the live database",
            next="create these roles (a dump holds none), then run this again",
        )


def prove_same(task: Task, name: str, manifest: Manifest) -> None:
    """Raise StepFailed unless a database has the schema and the rows that a manifest tells of."""
    with opened(task, name) as connection:
        schema = read_schema(connection, task.store.is_bookkeeping)
        changes = difference(manifest.objects, schema.objects)
        if changes:
            raise unlike(manifest, f"other objects than its source: {in_words(changes)}")
        wrong = content_problems(connection, schema, manifest)
        wrong += sequence_problems(manifest.sequences, read_sequences(connection))
    if wrong:
        raise unlike(manifest, "; ".join(wrong[:5]))


def content_problems(connection: Connection, schema: Schema, manifest: Manifest) -> list[str]:
    """The tables that do not have the rows of the manifest.

    Another major version may digest in another way; then the numbers of rows must do.
    """
    exact = connection.info.server_version // MAJOR == manifest.server // MAJOR
    found = []
    for name, told_of in manifest.tables.items():
        if name not in schema.tables:
            found.append(f"the table {name} is missing")
            continue
        now = digest(connection, schema.tables[name], told_of["columns"])
        if now["rows"] != told_of["rows"]:
            found.append(f"{name} has {now['rows']} rows, its source had {told_of['rows']}")
        elif exact and now["digest"] != told_of["digest"]:
            found.append(f"{name} has other content than its source, in as many rows")
    return found


def unlike(manifest: Manifest, reason: str) -> StepFailed:
    """The words for a restored copy that is not what was dumped."""
    return StepFailed(
        f"the restored backup of {manifest.database} is not its source: {reason}",
        now="the backup is not used",
        untouched="the live database",
        next="see whether the server's disk or memory is damaged, then back up again",
    )


@contextmanager
def restored(task: Task, directory: Path, manifest: Manifest) -> Iterator[str]:
    """A copy of a backup for the time of a question; gone afterwards."""
    name = task.beside(CHECK)
    try:
        restore_image(task, directory / manifest.file, manifest, name)
        yield name
    finally:
        with opened(task, ADMIN_DATABASE) as admin:
            if exists(admin, name):
                drop(admin, task.store, name)


def restore(task: Task, tools: Tools, file: Path, name: str, bounds: Bounds) -> None:
    """Restore a dump into an empty database, wholly or not at all. Raises StepFailed."""
    with file.open("rb") as reading:
        run_program(
            [
                tools.restore,
                "--single-transaction",
                "--exit-on-error",
                "--no-subscriptions",
                "--no-password",
                f"--dbname={program_url(task, name, 'restore')}",
            ],
            bounds,
            user=task.store.admin,
            settings=options(task.store, "admin", task.deadline),
            reading=reading,
        )
