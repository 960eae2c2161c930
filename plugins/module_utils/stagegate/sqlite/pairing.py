"""One table seen from two databases, as the SQL text that finds each row's former self.

``o`` is the former table (attached as ``former``), ``n`` the present one (``main``).
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from .connect import quoted
from .schema import Table

BEFORE, AFTER = "former", "main"


@dataclass(frozen=True)
class Pair:
    """Two tables whose rows find each other by ``key`` (SQL names); ``columns`` are in both."""

    before: Table
    after: Table
    columns: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def old(self) -> str:
        """The former table, for FROM."""
        return f"{BEFORE}.{quoted(self.before.name)} AS o"

    @property
    def new(self) -> str:
        """The present table, for FROM."""
        return f"{AFTER}.{quoted(self.after.name)} AS n"

    @property
    def same_key(self) -> str:
        """True where o and n are the same row."""
        return " AND ".join(f"o.{name} = n.{name}" for name in self.key)

    @property
    def same_row(self) -> str:
        """True where o and n hold the same values in all common columns."""
        return " AND ".join(same_value(quoted(column)) for column in self.columns)

    def keys_of(self, side: str) -> str:
        """The key's columns on one side."""
        return ", ".join(f"{side}.{name}" for name in self.key)

    @property
    def only_old(self) -> str:
        """FROM and WHERE of the rows that are gone."""
        return f"{self.old} WHERE NOT EXISTS (SELECT 1 FROM {self.new} WHERE {self.same_key})"  # noqa: S608 - quoted

    @property
    def only_new(self) -> str:
        """FROM and WHERE of the rows that came."""
        return f"{self.new} WHERE NOT EXISTS (SELECT 1 FROM {self.old} WHERE {self.same_key})"  # noqa: S608 - quoted

    @property
    def different(self) -> str:
        """FROM and WHERE of the rows that are there on both sides with other values."""
        return f"{self.old} JOIN {self.new} ON {self.same_key} WHERE NOT ({self.same_row})"


def same_value(column: str) -> str:
    """True where a column has the same type and the same bytes on both sides.

    A unary plus takes away a column's affinity, by which '1' would equal 1.
    """
    return (
        f"(typeof(o.{column}) = typeof(n.{column}) "
        f"AND +o.{column} COLLATE BINARY IS +n.{column} COLLATE BINARY)"
    )


def common_columns(before: Table, after: Table) -> tuple[str, ...]:
    """The columns that both sides have, in the former order."""
    return tuple(column for column in before.columns if column in after.columns)


def pair_by_key(connection: sqlite3.Connection, before: Table, after: Table) -> Pair | None:
    """Pair two tables by PRIMARY KEY, or by row id where neither has one; None if neither can.

    A key column that is NULL (SQLite allows it in old tables) names no row.
    """
    columns = common_columns(before, after)
    if not columns or before.key != after.key:
        return None
    if not before.key:
        shared = before.rowid and before.rowid == after.rowid
        return Pair(before, after, columns, (before.rowid,)) if shared else None
    for schema, table in ((BEFORE, before), (AFTER, after)):
        if table.nullable_key and has_null_key(connection, schema, table):
            return None
    return Pair(before, after, columns, tuple(quoted(name) for name in before.key))


def has_null_key(connection: sqlite3.Connection, schema: str, table: Table) -> bool:
    """True when a row of the table has a NULL in its key."""
    empty = " OR ".join(f"{quoted(column)} IS NULL" for column in table.key)
    query = f"SELECT 1 FROM {schema}.{quoted(table.name)} WHERE {empty} LIMIT 1"  # noqa: S608 - quoted
    return connection.execute(query).fetchone() is not None


def heap_query(columns: tuple[str, ...], name: str, selected: str) -> str:
    """SQL over two tables taken as heaps of whole rows, each row with its surplus.

    The surplus ``w`` is how often a row stands in the present table more than in the former one.
    """
    listed = ", ".join(quoted(column) for column in columns)
    same = ", ".join(f"typeof({quoted(c)}), {quoted(c)} COLLATE BINARY" for c in columns)
    both = " UNION ALL ".join(
        f"SELECT {weight} AS weight_, {listed} FROM {schema}.{quoted(name)}"  # noqa: S608 - quoted
        for schema, weight in ((AFTER, 1), (BEFORE, -1))
    )
    heaps = f"SELECT sum(weight_) AS w, {listed} FROM ({both}) GROUP BY {same}"  # noqa: S608 - quoted
    return f"SELECT {selected} FROM ({heaps}) WHERE w <> 0"  # noqa: S608 - quoted
