"""What was written between two states of one database: counted exactly, and kept row by row."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import fsync_dir
from .compare import both_opened
from .connect import quoted
from .pairing import AFTER, BEFORE, Pair, common_columns, heap_query, pair_by_key
from .schema import Schema, Table, read_schema

Line = dict[str, Any]


@dataclass(frozen=True)
class Delta:
    """How many rows differ, in all and per table by ``added, changed, deleted``; and their file."""

    count: int
    tables: dict[str, dict[str, int]]
    file: str
    sha256: str


def export_delta(
    before: Path, after: Path, target: Path, bookkeeping: Callable[[str], bool], seconds: float
) -> Delta:
    """Write every row that differs as a line of JSON, in a fixed order, durable; count them.

    A line is ``{"table", "key", "op": added|changed|deleted, "row"}``: the present row, or the
    former one when it was deleted. Both databases must be at rest and clean.
    """
    aside = target.with_name(f".{target.name}.new")
    aside.unlink(missing_ok=True)
    tables: dict[str, dict[str, int]] = {}
    digest = hashlib.sha256()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(aside, flags, 0o600), "wb") as out:
        with both_opened(before, after, seconds) as connection:
            old = read_schema(connection, bookkeeping, BEFORE)
            new = read_schema(connection, bookkeeping, AFTER)
            for line in lines(connection, old, new):
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


def lines(connection: sqlite3.Connection, before: Schema, after: Schema) -> Iterator[Line]:
    """Every row that differs, table by table."""
    for name in sorted(set(before.tables) | set(after.tables)):
        if name not in before.tables:
            yield from whole_table(connection, AFTER, after.tables[name], "added")
        elif name not in after.tables:
            yield from whole_table(connection, BEFORE, before.tables[name], "deleted")
        else:
            yield from table_lines(connection, before.tables[name], after.tables[name])


def table_lines(connection: sqlite3.Connection, before: Table, after: Table) -> Iterator[Line]:
    """The rows of one table that differ."""
    pair = pair_by_key(connection, before, after)
    if pair is None or not before.key:
        yield from heap_lines(connection, before, after)
        return
    kinds = (
        ("added", "n", after.columns, pair.only_new),
        ("changed", "n", after.columns, pair.different),
        ("deleted", "o", before.columns, pair.only_old),
    )
    for op, side, columns, rows in kinds:
        keys = pair.keys_of(side)
        listed = ", ".join(f"{side}.{quoted(column)}" for column in columns)
        query = f"SELECT {keys}, {listed} FROM {rows} ORDER BY {keys}"  # noqa: S608 - quoted
        for row in connection.execute(query):
            yield line_of(pair, op, columns, row)


def line_of(pair: Pair, op: str, columns: tuple[str, ...], row: tuple[Any, ...]) -> Line:
    """One row that its key names."""
    width = len(pair.key)
    return {
        "table": pair.before.name,
        "key": [plain(value) for value in row[:width]],
        "op": op,
        "row": {c: plain(v) for c, v in zip(columns, row[width:])},
    }


def heap_lines(connection: sqlite3.Connection, before: Table, after: Table) -> Iterator[Line]:
    """The rows that one heap has more often than the other."""
    columns = common_columns(before, after)
    if not columns:
        yield from whole_table(connection, BEFORE, before, "deleted")
        yield from whole_table(connection, AFTER, after, "added")
        return
    listed = ", ".join(quoted(column) for column in columns)
    query = heap_query(columns, before.name, f"w, {listed}")
    for surplus, *values in connection.execute(f"{query} ORDER BY {listed}, w"):
        row = {c: plain(v) for c, v in zip(columns, values)}
        op = "added" if surplus > 0 else "deleted"
        for _ in range(abs(surplus)):
            yield {"table": before.name, "key": None, "op": op, "row": row}


def whole_table(
    connection: sqlite3.Connection, schema: str, table: Table, op: str
) -> Iterator[Line]:
    """All rows of a table that only one side has."""
    listed = ", ".join(quoted(column) for column in table.columns)
    order = ", ".join(quoted(column) for column in table.key) or table.rowid
    query = f"SELECT {listed} FROM {schema}.{quoted(table.name)} ORDER BY {order}"  # noqa: S608 - quoted
    for values in connection.execute(query):
        row = {c: plain(v) for c, v in zip(table.columns, values)}
        key = [row[column] for column in table.key] or None
        yield {"table": table.name, "key": key, "op": op, "row": row}


def plain(value: object) -> object:
    """A value as JSON that can be turned back: bytes and infinities get a wrapper of their own."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"real": str(value)}
    return value
