"""Indexes that an interrupted CREATE INDEX CONCURRENTLY or REINDEX left behind.

They cost every writer and help no query; nothing but dropping removes them.
"""

from __future__ import annotations

from collections.abc import Collection

from .catalog import INVALID, called
from .client import Composed, Connection, do, library, named, rows

TRIES = 3
"""How often a drop waits for its lock, each time for the session's ``lock_timeout``."""


def drop_invalid(connection: Connection, spare: Collection[str]) -> tuple[list[str], list[str]]:
    """Drop the invalid indexes but those to spare, beside readers and writers.

    Returns what was dropped, and what could not be within its bounds. Needs autocommit.
    """
    dropped: list[str] = []
    left: list[str] = []
    for schema, index, kind in rows(connection, INVALID):
        name = called(schema, index)
        if name in spare:
            continue
        # An index of a partitioned table holds nothing itself, and is never dropped beside writers.
        how = "CONCURRENTLY " if kind == "i" else ""
        drop = named(f"DROP INDEX {how}IF EXISTS {{}}.{{}}", schema, index)
        (dropped if dropped_within(connection, drop) else left).append(name)
    return dropped, left


def dropped_within(connection: Connection, drop: Composed) -> bool:
    """Try a drop until it gets its lock; false when it never does."""
    errors = library().errors
    for _ in range(TRIES):
        try:
            do(connection, drop)
        except (errors.LockNotAvailable, errors.QueryCanceled, errors.DeadlockDetected):
            continue
        return True
    return False
