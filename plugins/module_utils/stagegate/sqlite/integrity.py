"""Questions that find structural damage, and rows that point nowhere."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from .connect import FAST_CACHE_KIB

SHOWN = 5
"""How many findings a message names."""


@dataclass(frozen=True)
class Violations:
    """Rows that break a foreign key: how many, and the first of them in words."""

    count: int
    first: tuple[str, ...]


def structure_problems(connection: sqlite3.Connection) -> list[str]:
    """What ``PRAGMA integrity_check`` finds, in its own words; empty when it finds nothing.

    It does not see a changed byte in a column that no index covers: only a digest does.
    """
    connection.execute(f"PRAGMA cache_size = -{FAST_CACHE_KIB}")
    try:
        found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    except sqlite3.OperationalError:
        raise  # interrupted, locked, or a disk that fails: that says nothing of the structure
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return [] if found == ["ok"] else [" ".join(line.split()) for line in found]


def broken_references(connection: sqlite3.Connection) -> Violations:
    """Rows whose foreign key finds no parent. The pragma reports them and never fails."""
    count = 0
    first: list[str] = []
    try:
        for table, rowid, parent, _ in connection.execute("PRAGMA foreign_key_check"):
            count += 1
            if len(first) < SHOWN:
                row = "a row" if rowid is None else f"row {rowid}"
                first.append(f"{table} {row} has no parent in {parent}")
    except sqlite3.OperationalError as error:
        if "mismatch" not in str(error):
            raise
        return Violations(count + 1, (*first, str(error)))
    return Violations(count, tuple(first))


def some_of(findings: list[str] | tuple[str, ...], total: int = 0) -> str:
    """The first findings as one text, and how many more there are."""
    total = max(total, len(findings))
    text = "; ".join(findings[:SHOWN])
    return text if total <= SHOWN else f"{text}; and {total - SHOWN} more"
