"""What was written between two states of one database: counted exactly, and kept row by row.

A line of the file is ``{"table", "key", "op": added|changed|deleted, "row"}``: the present row, or
the former one when it was deleted. Whole numbers and truth values are JSON's own; every other value
is the text that PostgreSQL writes and reads. ``key`` is null in a table without a primary key;
there a changed row is one deleted and one added.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import fsync_dir
from .catalog import Schema, Table
from .client import Composed, Connection, do, listed, named
from .content import relation
from .difference import Met, Pair, Row, kind_of, merged, stream

Line = dict[str, Any]
NUMBERS = ("smallint", "integer", "bigint")


@dataclass(frozen=True)
class Delta:
    """How many rows differ, in all and per table by ``added, changed, deleted``; and their file."""

    count: int
    tables: dict[str, dict[str, int]]
    file: str
    sha256: str


def write_delta(lines: Iterable[Line], target: Path) -> Delta:
    """Write every row that differs as a line of JSON, durable; count them."""
    aside = target.with_name(f".{target.name}.new")
    aside.unlink(missing_ok=True)
    tables: dict[str, dict[str, int]] = {}
    digest = hashlib.sha256()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(aside, flags, 0o600), "wb") as out:
        for line in lines:
            text = json.dumps(line, sort_keys=True, allow_nan=False).encode() + b"\n"
            digest.update(text)
            out.write(text)
            counts = tables.setdefault(line["table"], {"added": 0, "changed": 0, "deleted": 0})
            counts[line["op"]] += 1
        out.flush()
        os.fsync(out.fileno())
    aside.rename(target)
    fsync_dir(target.parent)
    count = sum(sum(counts.values()) for counts in tables.values())
    return Delta(count, tables, str(target), digest.hexdigest())


def lines(
    before: Connection, after: Connection, old: Schema, new: Schema, names: Iterable[str]
) -> Iterator[Line]:
    """Every row that differs in the named tables, table by table."""
    for name in sorted(names):
        was, now = old.tables.get(name), new.tables.get(name)
        if was is None and now is not None:
            yield from whole_table(after, now, "added")
        elif was is not None and now is None:
            yield from whole_table(before, was, "deleted")
        elif was is not None and now is not None:
            yield from table_lines(before, after, Pair(was, now))


def whole_table(connection: Connection, table: Table, op: str) -> Iterator[Line]:
    """All rows of a table that only one side has."""
    for row in stream(connection, table, Pair(table, table), table.columns):
        yield line_of(table, op, row)


def table_lines(before: Connection, after: Connection, pair: Pair) -> Iterator[Line]:
    """The rows of one table that differ."""
    met: Iterator[Met] = merged(
        stream(before, pair.before, pair, pair.before.columns),
        stream(after, pair.after, pair, pair.after.columns),
    )
    for old, new in met:
        op = kind_of((old, new))
        if op == "deleted" and old is not None:
            yield line_of(pair.before, op, old)
        elif op and new is not None:
            yield line_of(pair.after, op, new)


def line_of(table: Table, op: str, row: Row) -> Line:
    """One row as a line."""
    kinds = dict(zip(table.columns, table.types))
    values = {
        column: plain(value, kinds[column]) for column, value in zip(table.columns, row.values())
    }
    key = [values[column] for column in table.key] or None
    return {"table": table.name, "key": key, "op": op, "row": values}


def plain(value: str | None, kind: str) -> str | int | bool | None:
    """A value as JSON that can be turned back."""
    if value is None:
        return None
    if kind in NUMBERS:
        return int(value)
    return value == "t" if kind == "boolean" else value


def written(value: object) -> str | None:
    """The same value as PostgreSQL reads it."""
    if isinstance(value, bool):
        return "t" if value else "f"
    return None if value is None else str(value)


def statement(line: Mapping[str, Any], table: Table) -> tuple[Composed, list[str | None]]:
    """The statement that does to a table what a line tells, and its values.

    Columns that the table does not have are left out: an older schema takes what it knows. Without
    a key, one row that is equal in all columns is deleted.
    """
    row = {column: line["row"][column] for column in table.columns if column in line["row"]}
    columns, values = list(row), [written(value) for value in row.values()]
    key = list(table.key) if line["key"] is not None else []
    named_by = [written(value) for value in line["key"] or ()]
    if line["op"] == "added":
        return insert(table, columns), values
    if line["op"] == "changed":
        return named(
            "UPDATE {} SET {} WHERE {}",
            relation(table),
            listed("{} = %s", columns),
            listed("{} = %s", key, " AND "),
        ), values + named_by
    if key:
        where = listed("{} = %s", key, " AND ")
        return named("DELETE FROM {} WHERE {}", relation(table), where), named_by
    same = listed("{}::text IS NOT DISTINCT FROM %s", columns, " AND ")
    return named(
        "DELETE FROM {0} WHERE ctid = (SELECT ctid FROM {0} WHERE {1} LIMIT 1)",
        relation(table),
        same,
    ), values


def insert(table: Table, columns: Sequence[str]) -> Composed:
    """A statement that adds a row with the numbers it had."""
    return named(
        "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})",
        relation(table),
        listed("{}", columns),
        named(", ".join("%s" for _ in columns)),
    )


def apply_delta(connection: Connection, schema: Schema, given: Iterable[Line]) -> Counter[str]:
    """Do again to a database what a delta tells; return the number of rows per operation.

    References between tables are not checked on the way (the session must be a superuser's): lines
    come table by table, not in the order in which they were written.
    """
    done: Counter[str] = Counter()
    with connection.transaction():
        do(connection, "SET LOCAL session_replication_role = replica")
        for line in given:
            query, values = statement(line, schema.tables[line["table"]])
            connection.execute(query, values)
            done[line["op"]] += 1
    return done
