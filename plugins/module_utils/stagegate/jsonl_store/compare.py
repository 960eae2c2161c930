"""What a migration did to the records, by key, and to what is no record.

Both files are read once; key, digest and offset of each line go into a temporary database beside
them, so that memory does not grow with the files. Records are equal when their JSON is, whatever
the order of its keys and its white space. Of several records with one key the first is compared
with the first, the second with the second.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from ..files import make_private_dir
from ..jsonl.rules import Rules
from .lines import Piece, digest_range, line_at, pieces, sound_end

BATCH = 1000
SHOWN = 5
TEXT_SHOWN = 60
RECORD, OTHER = "r", "o"
"""How the keys of records begin, and those of lines that are none."""

SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE line (side INTEGER, key TEXT, digest TEXT, place INTEGER);
"""
PAIR = """
CREATE INDEX by_key ON line (side, key, place);
CREATE TABLE pair AS SELECT side, key, digest, place,
  row_number() OVER (PARTITION BY side, key ORDER BY place) AS nth FROM line;
CREATE UNIQUE INDEX by_nth ON pair (side, key, nth);
"""
ONE_SIDE = """
FROM pair AS mine WHERE side = ? AND key >= ? AND key < ? AND NOT EXISTS (
  SELECT 1 FROM pair AS other WHERE other.side = 1 - mine.side AND other.key = mine.key
  AND other.nth = mine.nth)
"""
BOTH_SIDES = """
FROM pair AS mine JOIN pair AS other
  ON other.side = 1 AND other.key = mine.key AND other.nth = mine.nth
WHERE mine.side = 0 AND mine.digest <> other.digest AND mine.key >= ? AND mine.key < ?
"""


@dataclass(frozen=True)
class Changes:
    """How many records differ, by added, deleted, changed, and the first of each with their lines.

    ``lost`` and ``new`` are lines that are no records and are on one side only.
    """

    numbers: dict[str, int]
    first: dict[str, list[str]]
    lost: int
    new: int
    others: dict[str, list[str]] = field(default_factory=dict)


def compare_files(before: Path, after: Path, rules: Rules, key: str, scratch: Path) -> Changes:
    """Compare the records of two files at rest, and what in them is none."""
    make_private_dir(scratch)
    database = scratch / "compare.db"
    database.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.executescript(SCHEMA)
            for side, path in enumerate((before, after)):
                fill(connection, side, path, rules, key)
            connection.executescript(PAIR)
            return changes_in(connection, before, after)
    finally:
        database.unlink(missing_ok=True)


def fill(connection: sqlite3.Connection, side: int, path: Path, rules: Rules, key: str) -> None:
    """Put every line of a file into the database."""
    found = rows(side, path, rules, key)
    connection.execute("BEGIN")
    while batch := list(islice(found, BATCH)):
        connection.executemany("INSERT INTO line VALUES (?, ?, ?, ?)", batch)
    connection.execute("COMMIT")


def rows(side: int, path: Path, rules: Rules, key: str) -> Iterator[tuple[int, str, str, int]]:
    """Side, key, digest and offset of each line of a file, up to its last whole record."""
    for piece in pieces(path, rules, 0, sound_end(path, rules)):
        if piece.kind:
            name, digest = identity(piece, key)
            yield side, RECORD + name, digest, piece.offset
        else:
            yield side, OTHER + digest_range(path, piece.offset, piece.length), "", piece.offset


def identity(piece: Piece, key: str) -> tuple[str, str]:
    """The key of a record as text, and the digest of its JSON; without a key it names itself."""
    digest = hashlib.sha256(canonical(piece.record)).hexdigest()
    value = piece.record.get(key) if key and isinstance(piece.record, dict) else None
    return (f"={digest}" if value is None else canonical(value).decode()), digest


def canonical(value: Any) -> bytes:
    """The same bytes for the same JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def changes_in(connection: sqlite3.Connection, before: Path, after: Path) -> Changes:
    """Ask the filled database."""
    records = (RECORD, chr(ord(RECORD) + 1))
    other = (OTHER, chr(ord(OTHER) + 1))
    asked: dict[str, tuple[str, tuple[Any, ...], Path]] = {
        "added": (ONE_SIDE, (1, *records), after),
        "deleted": (ONE_SIDE, (0, *records), before),
        "changed": (BOTH_SIDES, records, before),
        "lost": (ONE_SIDE, (0, *other), before),
        "new": (ONE_SIDE, (1, *other), after),
    }
    numbers: dict[str, int] = {}
    first: dict[str, list[str]] = {}
    for kind, (query, values, path) in asked.items():
        count = connection.execute(f"SELECT count(*) {query}", values).fetchone()
        numbers[kind] = int(count[0])
        listed = connection.execute(
            f"SELECT mine.key, mine.place {query} ORDER BY mine.place LIMIT {SHOWN}",
            values,
        )
        first[kind] = [told(key, line_at(path, place)) for key, place in listed]
    lost, new = numbers.pop("lost"), numbers.pop("new")
    return Changes(numbers, first, lost, new, {k: first.pop(k) for k in ("lost", "new")})


def told(key: str, line: int) -> str:
    """A record's key and its line, as a message shows them."""
    name = key[1:]
    if key.startswith(OTHER) or name.startswith("="):
        return f"line {line}"
    with suppress(ValueError, RecursionError):
        name = str(json.loads(name))
    shown = "".join(c if c.isprintable() else "?" for c in name)[:TEXT_SHOWN]
    return f"{shown} (line {line})"
