"""The schema of one database: its objects, its tables with their keys, and one digest of it all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import make_private_dir, read_json, write_json
from . import objects
from .client import Connection, rows, value
from .lean import lean

SHOWN = 10
UNCHANGED = "="
SIGNS = {"+": "new", "-": "gone", "~": "changed", UNCHANGED: "as before"}

TABLES = objects.written_out("""
SELECT n.nspname, c.relname,
  array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attgenerated = ''),
  array_agg(format_type(a.atttypid, NULL) ORDER BY a.attnum) FILTER (WHERE a.attgenerated = ''),
  (SELECT array_agg(k.attname::text ORDER BY u.place) FROM pg_constraint p,
     unnest(p.conkey) WITH ORDINALITY AS u(number, place)
     JOIN pg_attribute k ON k.attnum = u.number
   WHERE p.conrelid = c.oid AND p.contype = 'p' AND k.attrelid = c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind = 'r' AND $schemas AND $own_relation
GROUP BY n.nspname, c.oid, c.relname
""")

INVALID = objects.written_out("""
SELECT n.nspname, c.relname, c.relkind::text FROM pg_index x
JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT (x.indisvalid AND x.indisready AND x.indislive)
AND ($schemas OR n.nspname = 'pg_toast') ORDER BY 1, 2
""")

LARGE_OBJECTS = "SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject)"

NAMED = objects.written_out("""
SELECT 'table', $called c.relname, true FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND $schemas
UNION ALL
SELECT 'index', $called c.relname, x.indisvalid AND x.indisready AND x.indislive
FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE $schemas
UNION ALL
SELECT 'constraint', $called k.conname, bool_and(k.convalidated) FROM pg_constraint k
JOIN pg_namespace n ON n.oid = k.connamespace WHERE k.contype IN ('c', 'f', 'p', 'u', 'x')
AND $schemas GROUP BY 2
""")


@dataclass(frozen=True)
class Table:
    """One table with rows of its own. ``columns`` are those that are written, ``types`` theirs;
    ``key`` is the PRIMARY KEY, empty when there is none."""

    schema: str
    relation: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def name(self) -> str:
        """What people call it: the schema is told unless it is ``public``."""
        return called(self.schema, self.relation)


def called(schema: str, name: str) -> str:
    """What people call an object: its schema is told unless it is ``public``."""
    return name if schema == "public" else f"{schema}.{name}"


@dataclass(frozen=True)
class Schema:
    """What a database is made of. ``named`` maps (kind, name) of tables, indexes and constraints to
    their being valid; ``objects`` maps ``kind name`` to the definition; ``invalid`` are the indexes
    that answer no query."""

    tables: dict[str, Table]
    named: dict[tuple[str, str], bool]
    objects: dict[str, str]
    invalid: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of all definitions."""
        return fingerprint(self.objects)


PAGES = Table(
    schema="pg_catalog",
    relation="pg_largeobject",
    columns=("loid", "pageno", "data"),
    types=("oid", "integer", "bytea"),
    key=("loid", "pageno"),
)
"""Where the server keeps all large objects; a table like any other once there is one."""


def read_schema(connection: Connection, bookkeeping: Callable[[str], bool]) -> Schema:
    """Ask a database for its schema; without the tables in which a migration tool keeps account."""
    tables = [
        Table(schema, relation, *(tuple(part or ()) for part in parts))
        for schema, relation, *parts in rows(connection, TABLES)
    ]
    if value(connection, LARGE_OBJECTS):
        tables.append(PAGES)
    found = rows(connection, objects.ALL)
    return Schema(
        tables={
            t.name: t for t in sorted(tables, key=lambda t: t.name) if not bookkeeping(t.relation)
        },
        named={(kind, name): valid for kind, name, valid in rows(connection, NAMED)},
        objects={
            f"{kind} {name}": lean(str(definition or ""))
            for kind, name, relation, definition in sorted(found, key=str)
            if not (relation and bookkeeping(relation))
        },
        invalid=tuple(called(schema, index) for schema, index, _ in rows(connection, INVALID)),
    )


def fingerprint(found: Mapping[str, str]) -> str:
    """The SHA-256 of all definitions."""
    digest = hashlib.sha256()
    for name in sorted(found):
        digest.update(f"{name}\0{found[name]}\0\n".encode())
    return digest.hexdigest()


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """What happened to objects from one schema to the other: name to ``+``, ``-`` or ``~`` and the
    definition that is there now, or was."""
    found = {}
    for name in sorted(set(before) | set(after)):
        if name not in before:
            found[name] = f"+ {after[name]}"
        elif name not in after:
            found[name] = f"- {before[name]}"
        elif before[name] != after[name]:
            found[name] = f"~ {after[name]}"
    return found


def in_words(changes: Mapping[str, str]) -> str:
    """The first objects that differ, for one line."""
    first = [f"{name} ({SIGNS[change[0]]})" for name, change in list(changes.items())[:SHOWN]]
    more = len(changes) - len(first)
    return ", ".join(first) + (f" and {more} more" if more > 0 else "")


def keep_objects(directory: Path, which: str, schema: Schema) -> str:
    """Write a schema's objects beside the evidence; return the file's name."""
    make_private_dir(directory)
    path = directory / f"schema-{which}.json"
    write_json(path, schema.objects)
    return str(path)


def kept_objects(path: str | Path) -> dict[str, Any]:
    """The objects of a schema that was kept; empty when the file is gone or damaged."""
    try:
        return dict(read_json(path))
    except (OSError, ValueError):
        return {}
