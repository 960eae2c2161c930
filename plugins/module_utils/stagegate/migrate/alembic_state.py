"""What a database is: the revision that it names, its objects one by one, its columns' content.

A revision is a word in a table, and a word can be wrong: after a migration that failed half-way, or
by a hand that stamped it. So the objects are read as well, each with its definition, and what two
moments differ in is told by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Refused
from ..files import make_private_dir, write_json
from ..postgresql.catalog import (
    Table,
    difference,
    fingerprint,
    in_words,
    kept_objects,
    read_schema,
)
from ..postgresql.client import Composed, Connection, listed, named, rows, told
from ..postgresql.content import relation, row_of
from ..postgresql.model import Store

TABLE = "alembic_version"


@dataclass(frozen=True)
class State:
    """One moment of one database; ``revision`` is empty where nothing was applied.

    ``objects`` maps each object to its definition and ``schema`` is the digest of them all;
    ``broken`` names the indexes that a failed CREATE INDEX CONCURRENTLY left behind. ``server`` is
    the server's major version, which decides how definitions are written.
    """

    revision: str
    schema: str
    server: int
    objects: Mapping[str, str]
    broken: tuple[str, ...] = ()

    def keep(self, directory: Path, which: str) -> dict[str, Any]:
        """What the ledger keeps of it; the objects stand in a file of their own beside."""
        make_private_dir(directory)
        place = directory / f"alembic-{which}.json"
        write_json(place, dict(self.objects))
        return {
            "revision": self.revision,
            "schema": self.schema,
            "server": self.server,
            "objects": str(place),
        }


def recall(kept: Mapping[str, Any]) -> State:
    """A state as the ledger kept it; without objects when their file is gone."""
    objects = kept_objects(str(kept["objects"]))
    return State(str(kept["revision"]), str(kept["schema"]), int(kept["server"]), objects)


def read_state(connection: Connection, store: Store) -> State:
    """The state of the database that the session is on. Raises Refused when it is on two branches.

    The table in which alembic keeps its account is no object of the release.
    """
    with told("the schema cannot be read"):
        schema = read_schema(connection, store.is_bookkeeping)
        server = int(connection.info.server_version) // 10000
        revision = read_revision(connection)
    return State(revision, fingerprint(schema.objects), server, schema.objects, schema.invalid)


def read_revision(connection: Connection) -> str:
    """The revision that the database names; empty when it names none."""
    places = rows(
        connection,
        "SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relname = %s AND c.relkind IN ('r', 'p') ORDER BY 1",
        TABLE,
    )
    found: list[str] = []
    for (schema,) in places:
        query = named("SELECT version_num FROM {}.{} ORDER BY 1", str(schema), TABLE)
        found += [str(row[0]) for row in rows(connection, query)]
    if len(found) > 1:
        raise Refused(
            f"the database names {len(found)} revisions at once: {', '.join(found)}",
            now="its migrations have branched, or two applications share it",
            untouched="every service and all data",
            next=f"lead it back to one revision: see the table {TABLE}",
        )
    return found[0] if found else ""


def changed(before: State, after: State) -> list[str]:
    """In what two moments differ, in words; empty when in nothing."""
    said = []
    if before.revision != after.revision:
        said.append(f"the revision is {after.revision or 'none'}, not {before.revision or 'none'}")
    if before.schema != after.schema:
        objects = difference(before.objects, after.objects) if before.objects else {}
        said.append(in_words(objects) if objects else "its objects are others")
    return said


def lacking(before: State, after: State) -> dict[str, str]:
    """The objects that are gone, as a difference."""
    return {
        name: change
        for name, change in difference(before.objects, after.objects).items()
        if change.startswith("-")
    }


def read_contents(connection: Connection, store: Store) -> dict[str, str]:
    """Each table's number of rows, and a digest of each column's values, by their names.

    A column's digest is the sum over all rows of a hash of the row's key and the value: it does not
    depend on the order of rows, and it names the column that a way back loses.
    """
    found: dict[str, str] = {}
    with told("the content cannot be read"):
        for name, table in read_schema(connection, store.is_bookkeeping).tables.items():
            sums = [column_sum(table, column) for column in table.columns]
            query = named("SELECT count(*){} FROM ONLY {}", joined(sums), relation(table))
            count, *digests = rows(connection, query)[0]
            found[f"the number of rows of {name}"] = str(count)
            found.update({f"{name}.{c}": str(v) for c, v in zip(table.columns, digests)})
    return found


def column_sum(table: Table, column: str) -> Composed:
    """SQL of the digest of one column."""
    row = row_of((*table.key, column))
    return named(', sum(hashtextextended({}::text COLLATE "C", 0))', row)


def joined(parts: list[Composed]) -> Composed:
    """Pieces of SQL after each other."""
    return named("{}" * len(parts), *parts) if parts else listed("", ())
