"""A migrated database before the court: its named objects, and what happened to its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from ..errors import StepFailed
from ..sqlite.compare import TableChange
from ..sqlite.expect import Declared, judge
from .access import opened
from .catalog import Schema, Table, read_schema
from .client import Connection
from .content import count_rows, digest, read_sequences, sequence_problems
from .difference import Pair, compare_table
from .manifest import Manifest
from .model import Store
from .task import Task

Former = Callable[[], AbstractContextManager[str]]
"""Gives the name of a database with the former rows, for as long as a question takes."""

SHOWN = 5
USERS_SHARE, USERS_ROWS = 100, 10
"""Of a live table, users may delete one row in so many while a migration runs, or so many."""


@dataclass(frozen=True)
class Found:
    """What a migrated database was found to be."""

    schema: Schema
    changes: list[TableChange]

    @property
    def evidence(self) -> dict[str, Any]:
        """What the report shows."""
        return {
            "schema": self.schema.fingerprint,
            "rows": {c.name: c.after for c in self.changes if c.state != "dropped"},
            "changes": {
                c.name: {"added": c.added, "deleted": c.deleted, "changed": c.changed}
                for c in self.changes
                if c.total or c.state != "kept"
            },
        }


def judge_copy(task: Task, before: Manifest, former: Former, after: str) -> Found:
    """What happened from an image to a database. Raises StepFailed unless all was declared.

    Nothing may write to the database. ``former`` is asked for only when digests cannot tell.
    """
    with opened(task, after) as connection:
        schema = read_schema(connection, task.store.is_bookkeeping)
        changes = table_changes(task, connection, schema, before, former)
        wrong = missing_objects(task.store, schema)
        if not before.absent:
            wrong += undeclared(changes, task.declared)
            wrong += sequence_problems(before.sequences, read_sequences(connection))
    if wrong:
        raise judged(task, wrong)
    return Found(schema, changes)


def judged(task: Task, wrong: list[str]) -> StepFailed:
    """The words for a migration that did something else than was declared."""
    more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    return StepFailed(
        f"the migrated data of {task.store.name} are not what release {task.version} declares: "
        f"{'; '.join(wrong[:SHOWN])}{more}",
        now="the migrated state is kept for examination",
        untouched="the backup and the live release",
        next="correct the migration, or declare it in release.expected_changes",
    )


def missing_objects(store: Store, schema: Schema) -> list[str]:
    """The named objects that are not there, those that do not hold, and every invalid index."""
    found = []
    for kind, names in named_objects(store).items():
        for name in names:
            if (kind, name) not in schema.named:
                found.append(f"the {kind} {name} is missing")
            elif not schema.named[kind, name] and kind != "index":
                found.append(f"the {kind} {name} is there, but not valid")
    return found + [f"the index {name} is invalid: no query uses it" for name in schema.invalid]


def named_objects(store: Store) -> dict[str, tuple[str, ...]]:
    """What ``stores[].expect`` names, by kind."""
    return {"table": store.tables, "index": store.indexes, "constraint": store.constraints}


def undeclared(changes: list[TableChange], declared: Mapping[str, Declared]) -> list[str]:
    """All that happened to rows and was not declared, and declarations of nothing."""
    known = {change.name for change in changes}
    return [
        *(text for change in changes for text in judge(change, declared.get(change.name))),
        *(
            f"expected_changes names {table}, a table that is on neither side"
            for table in declared
            if table not in known
        ),
    ]


def table_changes(
    task: Task, connection: Connection, schema: Schema, before: Manifest, former: Former
) -> list[TableChange]:
    """Every table of either side, by name, with what happened to its rows.

    A table whose digest over the former columns is what it was has the same rows. The others are
    compared row by row with the former ones.
    """
    found: dict[str, TableChange] = {}
    unclear: list[str] = []
    for name in sorted(set(before.tables) | set(schema.tables)):
        old, table = before.tables.get(name), schema.tables.get(name)
        if old is None and table is not None:
            count = count_rows(connection, table)
            found[name] = TableChange(name, "created", 0, count, added=count)
        elif old is not None and table is None:
            found[name] = TableChange(name, "dropped", old["rows"], 0, deleted=old["rows"])
        elif old is not None and table is not None:
            if unchanged(connection, table, old):
                found[name] = TableChange(name, "kept", old["rows"], old["rows"])
            else:
                unclear.append(name)
    if unclear:
        found.update(row_by_row(task, connection, schema, unclear, former))
    return [found[name] for name in sorted(found)]


def unchanged(connection: Connection, table: Table, old: Mapping[str, Any]) -> bool:
    """True when a table has all its former columns and in them the former rows."""
    if not set(old["columns"]) <= set(table.columns):
        return False
    now = digest(connection, table, old["columns"])
    return (now["rows"], now["digest"]) == (old["rows"], old["digest"])


def row_by_row(
    task: Task, after: Connection, schema: Schema, names: list[str], former: Former
) -> dict[str, TableChange]:
    """Compare some tables with their former selves."""
    with former() as name, opened(task, name) as before:
        old = read_schema(before, task.store.is_bookkeeping)
        return {
            table: compare_table(before, after, Pair(old.tables[table], schema.tables[table]))
            for table in names
        }


def judge_live(
    task: Task, schema: Schema, before: Mapping[str, int], after: Mapping[str, int]
) -> list[str]:
    """What is wrong with a database that users write to while it is migrated.

    Its rows come and go. What can be said is that no table is gone that was not declared, and that
    none shrank by more than was declared and by what users delete in that time.
    """
    wrong = missing_objects(task.store, schema)
    for name, rows in sorted(before.items()):
        declared = task.declared.get(name) or Declared()
        if name not in after:
            if not declared.dropped:
                wrong.append(f"the table {name} is gone with {rows} rows; not declared")
            continue
        allowed = declared.rows.get("deleted", (0, 0))[1] + max(USERS_ROWS, rows // USERS_SHARE)
        if rows - after[name] > allowed:
            wrong.append(
                f"the table {name} shrank from {rows} to {after[name]} rows "
                f"(allowed: {allowed} fewer)"
            )
    return wrong
