"""The tables, keys and indexes of a database, and one digest of its whole schema."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from .connect import quoted

TOKEN = re.compile(
    r"""(?P<kept>'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])"""
    r"""|(?P<gap>(?:\s|--[^\n]*(?:\n|$)|/\*.*?(?:\*/|$))+)""",
    re.DOTALL,
)

USER_OBJECTS = (
    "SELECT type, name, tbl_name, sql FROM {schema}.sqlite_master"
    " WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name"
)


@dataclass(frozen=True)
class Table:
    """One table with rows of its own.

    ``key`` names the columns of its PRIMARY KEY, empty when it has none. ``rowid`` is a name under
    which the row id can be asked for, empty for a table WITHOUT ROWID; ``rowid_is_key`` is true
    where the one key column is the row id itself. ``nullable_key`` is true where SQLite would let a
    key column be NULL.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    rowid: str
    rowid_is_key: bool
    nullable_key: bool


@dataclass(frozen=True)
class Schema:
    """The user's objects of one database.

    A virtual table holds no rows of its own (they lie in ordinary tables beside it), and the module
    that answers for it may be missing here: it is only named.
    """

    tables: dict[str, Table]
    virtual: tuple[str, ...]
    indexes: tuple[str, ...]
    fingerprint: str


def read_schema(
    connection: sqlite3.Connection, bookkeeping: Callable[[str], bool], schema: str = "main"
) -> Schema:
    """Read the schema, without the tables of migration tools."""
    rows = connection.execute(USER_OBJECTS.format(schema=quoted(schema))).fetchall()
    objects = [row for row in rows if not bookkeeping(row[1]) and not bookkeeping(row[2])]
    tables = {
        name: read_table(connection, name, schema)
        for kind, name, _, sql in objects
        if kind == "table" and not is_virtual(sql)
    }
    named = [name for kind, name, _, _ in objects if kind == "table"]
    return Schema(
        tables=tables,
        virtual=tuple(name for name in named if name not in tables),
        indexes=tuple(name for kind, name, _, _ in objects if kind == "index"),
        fingerprint=fingerprint(objects),
    )


def is_virtual(sql: str) -> bool:
    """True for a table that a module answers for; its content lies in ordinary tables beside it."""
    return normalized(sql).upper().startswith("CREATE VIRTUAL")


def fingerprint(objects: list[tuple[str, str, str, str]]) -> str:
    """The SHA-256 of all definitions, blind to spacing and comments."""
    digest = hashlib.sha256()
    for kind, name, table, sql in objects:
        digest.update("\0".join((kind, name, table, normalized(sql or ""), "\n")).encode())
    return digest.hexdigest()


def normalized(sql: str) -> str:
    """A definition with every gap between its words as one space; quoted text stays as it is."""
    return TOKEN.sub(lambda found: found.group("kept") or " ", sql).strip()


def read_table(connection: sqlite3.Connection, name: str, schema: str) -> Table:
    """The columns and the key of one table; generated columns follow from others: left out."""
    rows = connection.execute(f"PRAGMA {quoted(schema)}.table_info({quoted(name)})").fetchall()
    columns = tuple(row[1] for row in rows)
    keyed = sorted((row for row in rows if row[5]), key=lambda row: row[5])
    rowid = rowid_name(connection, name, columns, schema)
    indexes = connection.execute(f"PRAGMA {quoted(schema)}.index_list({quoted(name)})")
    is_key = bool(rowid and keyed) and all(row[3] != "pk" for row in indexes)
    return Table(
        name=name,
        columns=columns,
        key=tuple(row[1] for row in keyed),
        rowid=rowid,
        rowid_is_key=is_key,
        nullable_key=bool(rowid) and not is_key and any(not row[3] for row in keyed),
    )


def rowid_name(
    connection: sqlite3.Connection, name: str, columns: tuple[str, ...], schema: str
) -> str:
    """A name of the row id that no column hides; empty when the table has no row id."""
    taken = {column.lower() for column in columns}
    for alias in ("rowid", "_rowid_", "oid"):
        if alias in taken:
            continue
        try:
            query = f"SELECT {alias} FROM {quoted(schema)}.{quoted(name)} LIMIT 0"  # noqa: S608 - quoted
            connection.execute(query)
        except sqlite3.OperationalError:
            return ""
        return alias
    return ""
