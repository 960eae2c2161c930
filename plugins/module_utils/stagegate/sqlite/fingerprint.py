"""A digest of every table's content.

The rows of a table are read in the order of its key, each one encoded with the exact type and
length of every value, and hashed into one SHA-256. The key is unique, so the order is a property of
the content alone, not of pages or of insertion; the encoding is reversible, so that two tables have
the same digest only when they have the same rows (or SHA-256 is broken). One ordered stream is
stronger than a sum of row hashes, which can be balanced, and takes two thirds of its time.

The row id belongs to a row where there is one: other tables may point at it.
"""

from __future__ import annotations

import hashlib
import marshal
import sqlite3
from typing import Any

from .connect import any_text, quoted
from .schema import Schema, Table

EXACT = 2
"""The marshal format: the last one without back references, the same bytes for the same row in
every Python since 2.5."""

ROWS_AT_ONCE = 64
"""Rows encoded by one call: few, whatever may be in them. A part of the digest's form."""


def table_digests(connection: sqlite3.Connection, schema: Schema) -> dict[str, dict[str, Any]]:
    """``{table: {"rows": count, "sha256": digest}}``; memory does not grow with the data."""
    return {name: table_digest(connection, table) for name, table in sorted(schema.tables.items())}


def table_digest(connection: sqlite3.Connection, table: Table) -> dict[str, Any]:
    """The digest of one table."""
    try:
        return digest_rows(connection, table)
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):
            raise
    # SQLite keeps text that is not UTF-8; every byte of it counts too, at half the speed.
    usual = connection.text_factory
    connection.text_factory = any_text
    try:
        return digest_rows(connection, table)
    finally:
        connection.text_factory = usual


def digest_rows(connection: sqlite3.Connection, table: Table) -> dict[str, Any]:
    """Stream the rows in the order of their key into one hash."""
    columns = ", ".join(quoted(column) for column in table.columns)
    selected, order = columns, ", ".join(quoted(column) for column in table.key)
    if table.rowid:
        order = table.rowid
        selected = columns if table.rowid_is_key else f"{table.rowid}, {columns}"
    query = f"SELECT {selected} FROM {quoted(table.name)} ORDER BY {order}"  # noqa: S608 - quoted
    digest, rows = hashlib.sha256(), 0
    cursor = connection.execute(query)
    for some in iter(lambda: cursor.fetchmany(ROWS_AT_ONCE), []):
        digest.update(marshal.dumps(some, EXACT))
        rows += len(some)
    return {"rows": rows, "sha256": digest.hexdigest()}


def count_rows(connection: sqlite3.Connection, schema: Schema) -> dict[str, int]:
    """The number of rows of every table."""
    return {
        name: int(connection.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()[0])  # noqa: S608 - quoted
        for name in sorted(schema.tables)
    }
