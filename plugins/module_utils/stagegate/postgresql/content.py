"""A digest of every table's content, made where the rows are.

The server writes each row as text, hashes it twice with different seeds and adds the hashes up:
one pass over the table, no sorting, nothing kept in memory, and the order of the rows does not
count. Two tables with different rows have the same 128 bits by chance once in 10^38; the bytes of a
backup are under a SHA-256 of their own, this digest says that a restore brought back what was
there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .catalog import Schema, Table
from .client import Composed, Connection, do, listed, named, rows, value

LANE = (1 << 64) - 1
Content = dict[str, dict[str, Any]]


@contextmanager
def snapshot(connection: Connection) -> Iterator[str]:
    """One instant of a database for every question in the block; its name is for pg_dump."""
    do(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        yield str(value(connection, "SELECT pg_export_snapshot()"))
    finally:
        if not connection.broken:
            do(connection, "ROLLBACK")


def read_content(connection: Connection, schema: Schema) -> Content:
    """``{table: {"rows", "digest", "columns", "key"}}`` of every table."""
    return {
        name: {
            **digest(connection, table, table.columns),
            "columns": list(table.columns),
            "key": list(table.key),
        }
        for name, table in schema.tables.items()
    }


def digest(connection: Connection, table: Table, columns: Sequence[str]) -> dict[str, Any]:
    """How many rows a table has, and the digest of these columns of them."""
    query = named(
        "SELECT count(*), coalesce(sum(hashtextextended(r, 0)), 0)::text, "
        "coalesce(sum(hashtextextended(r, 1)), 0)::text "
        'FROM (SELECT {}::text COLLATE "C" AS r FROM ONLY {}) AS s',
        row_of(columns),
        relation(table),
    )
    count, *lanes = rows(connection, query)[0]
    return {"rows": int(count), "digest": "".join(f"{int(lane) & LANE:016x}" for lane in lanes)}


def row_of(columns: Sequence[str]) -> Composed:
    """SQL of one row of these columns; its text tells NULL from empty and every value apart."""
    return named("ROW({})", listed("{}", columns))


def relation(table: Table) -> Composed:
    """SQL of a table's full name."""
    return named("{}.{}", table.schema, table.relation)


def count_rows(connection: Connection, table: Table) -> int:
    """How many rows a table has."""
    return int(value(connection, named("SELECT count(*) FROM ONLY {}", relation(table))))


def read_sequences(connection: Connection) -> dict[str, int]:
    """The last value that each counting sequence gave away; those that go round are left out."""
    found = rows(
        connection,
        "SELECT CASE schemaname WHEN 'public' THEN '' ELSE schemaname || '.' END || sequencename, "
        "last_value FROM pg_sequences WHERE last_value IS NOT NULL AND NOT cycle "
        "AND increment_by > 0 ORDER BY 1",
    )
    return {str(name): int(last) for name, last in found}


def sequence_problems(before: dict[str, int], after: dict[str, int]) -> list[str]:
    """Sequences that would give away numbers a second time."""
    return [
        f"the sequence {name} went back from {last} to {after.get(name, 'its start')}"
        for name, last in sorted(before.items())
        if name in after and after[name] < last
    ]
