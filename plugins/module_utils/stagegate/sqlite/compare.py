"""What happened to the rows between two databases, exactly, table by table.

Both files are opened by one connection, and SQLite joins each table with its former self by key,
over the columns that both have. A column that is new, however filled, is no change of a row. Values
are equal when type and bytes are: neither affinity (1 and '1') nor collation ('a' and 'A') counts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .connect import AT_REST, FAST_CACHE_KIB, any_text, opened, quoted, uri
from .pairing import AFTER, BEFORE, Pair, common_columns, heap_query, pair_by_key
from .schema import Schema, Table, read_schema

KEYS_SHOWN = 5
TEXT_SHOWN = 80


@dataclass(frozen=True)
class TableChange:
    """The rows of one table that differ: how many, and the keys of the first of each kind.

    ``state`` is kept, created or dropped; of a created table ``added`` counts all rows, of a
    dropped one ``deleted``. ``lost_columns`` were there before and are no more.
    """

    name: str
    state: str
    before: int
    after: int
    added: int = 0
    deleted: int = 0
    changed: int = 0
    lost_columns: tuple[str, ...] = ()
    keys: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All rows that differ."""
        return self.added + self.deleted + self.changed


@contextmanager
def both_opened(before: Path | None, after: Path, seconds: float) -> Iterator[sqlite3.Connection]:
    """One connection that reads the later database, and the former one when there is one.

    Both must be at rest and clean.
    """
    with opened(after, AT_REST, seconds=seconds) as connection:
        connection.text_factory = any_text
        connection.execute(f"PRAGMA cache_size = -{FAST_CACHE_KIB}")
        if before is not None:
            connection.execute(f"ATTACH ? AS {BEFORE}", (uri(before, AT_REST),))
            connection.execute(f"PRAGMA {BEFORE}.cache_size = -{FAST_CACHE_KIB}")
        yield connection


def compare_databases(
    before: Path, after: Path, bookkeeping: Callable[[str], bool], seconds: float
) -> list[TableChange]:
    """Every table of either database, by name, with what happened to its rows."""
    with both_opened(before, after, seconds) as connection:
        old = read_schema(connection, bookkeeping, BEFORE)
        new = read_schema(connection, bookkeeping, AFTER)
        return table_changes(connection, old, new)


def table_changes(
    connection: sqlite3.Connection, before: Schema, after: Schema
) -> list[TableChange]:
    """Every table of either side, by name."""
    found = []
    for name in sorted(set(before.tables) | set(after.tables)):
        if name not in before.tables:
            rows = count(connection, AFTER, name)
            found.append(TableChange(name, "created", 0, rows, added=rows))
        elif name not in after.tables:
            rows = count(connection, BEFORE, name)
            found.append(TableChange(name, "dropped", rows, 0, deleted=rows))
        else:
            found.append(compare_table(connection, before.tables[name], after.tables[name]))
    return found


def count(connection: sqlite3.Connection, schema: str, table: str) -> int:
    """The number of rows of one table."""
    query = f"SELECT count(*) FROM {schema}.{quoted(table)}"  # noqa: S608 - quoted
    return int(connection.execute(query).fetchone()[0])


def compare_table(connection: sqlite3.Connection, before: Table, after: Table) -> TableChange:
    """One table that both sides have: by key where a key leads from one to the other."""
    pair = pair_by_key(connection, before, after)
    if pair is None:
        return compare_heaps(connection, before, after)
    change = compare_pair(connection, pair)
    if change.total and not before.key:
        # A table without a key that was rebuilt has new row ids, which name nothing.
        return compare_heaps(connection, before, after)
    return change


def compare_pair(connection: sqlite3.Connection, pair: Pair) -> TableChange:
    """Two tables whose rows find each other: one pass over the former one, with lookups."""
    gone = f"n.{pair.key[0]} IS NULL"
    query = (
        f"SELECT count(*), total({gone}), total(NOT ({gone}) AND NOT ({pair.same_row})) "  # noqa: S608 - quoted
        f"FROM {pair.old} LEFT JOIN {pair.new} ON {pair.same_key}"
    )
    before, deleted, changed = (int(n) for n in connection.execute(query).fetchone())
    after = count(connection, AFTER, pair.after.name)
    added = after - (before - deleted)
    kinds = (
        ("added", added, "n", pair.only_new),
        ("deleted", deleted, "o", pair.only_old),
        ("changed", changed, "o", pair.different),
    )
    return TableChange(
        name=pair.before.name,
        state="kept",
        before=before,
        after=after,
        added=added,
        deleted=deleted,
        changed=changed,
        lost_columns=lost_columns(pair.before, pair.after),
        keys={
            kind: first_keys(connection, pair, side, rows)
            for kind, number, side, rows in kinds
            if number
        },
    )


def first_keys(connection: sqlite3.Connection, pair: Pair, side: str, rows: str) -> list[Any]:
    """The keys of the first rows of one kind; a key of one column is its value."""
    keys = pair.keys_of(side)
    query = f"SELECT {keys} FROM {rows} ORDER BY {keys} LIMIT {KEYS_SHOWN}"  # noqa: S608 - quoted
    found = [[shown(value) for value in row] for row in connection.execute(query)]
    return [row[0] if len(row) == 1 else row for row in found]


def shown(value: object) -> object:
    """A key's value as the ledger may hold it: short, and plain JSON."""
    if isinstance(value, bytes):
        value = value.hex()
    return value[:TEXT_SHOWN] if isinstance(value, str) else value


def compare_heaps(connection: sqlite3.Connection, before: Table, after: Table) -> TableChange:
    """Two tables without a common key, as heaps of rows: a changed row is one gone and one new."""
    columns = common_columns(before, after)
    added = deleted = 0
    if columns:
        surplus = "total(max(w, 0)), total(max(-w, 0))"
        row = connection.execute(heap_query(columns, before.name, surplus)).fetchone()
        added, deleted = int(row[0]), int(row[1])
    rows_before = count(connection, BEFORE, before.name)
    rows_after = count(connection, AFTER, after.name)
    return TableChange(
        name=before.name,
        state="kept",
        before=rows_before,
        after=rows_after,
        added=added if columns else rows_after,
        deleted=deleted if columns else rows_before,
        lost_columns=lost_columns(before, after),
    )


def lost_columns(before: Table, after: Table) -> tuple[str, ...]:
    """Columns whose content is gone."""
    return tuple(column for column in before.columns if column not in after.columns)
