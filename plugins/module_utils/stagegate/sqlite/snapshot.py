"""One consistent copy of a live database, taken beside its writers.

A backup that opens a new read transaction for each of its steps starts again whenever another
process commits: with a busy writer it restarted 8,519 times in 6 s and never ended. Here one read
transaction is held from the first question to the last page. Every step then reads the same
snapshot, so that none restarts, writers of a WAL database go on, and between two steps the copy can
be given up: at its deadline, or before it takes the last room from the service itself.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import StepFailed
from ..store.space import free_bytes
from .connect import LIVE, OWN, opened
from .fingerprint import count_rows
from .schema import Schema, read_schema

STEP_PAGES = 2048
"""Pages between two looks at the clock and at the free space: 8 MiB of the usual size."""

GREW_BACK = "the copy began again though its snapshot was held; this must not happen"


@dataclass(frozen=True)
class Snapshot:
    """What the source said of itself at the instant that was copied."""

    schema: Schema
    rows: dict[str, int]
    page_size: int
    pages: int
    journal_mode: str
    user_version: int
    application_id: int


@dataclass
class Watch:
    """Looks after a running copy. ``reserve`` bytes must stay free; ``end`` is monotonic."""

    source: Path
    target: Path
    reserve: int
    seconds: float
    end: float = field(init=False)
    left: int = field(init=False, default=1 << 62)

    def __post_init__(self) -> None:
        self.end = time.monotonic() + self.seconds

    def __call__(self, status: int, remaining: int, total: int) -> None:
        """Raise StepFailed to give the copy up."""
        if time.monotonic() > self.end:
            waited = " (waiting for a lock)" if status == sqlite3.SQLITE_BUSY else ""
            raise self.failure(f"not finished within its deadline of {self.seconds:.0f} s{waited}")
        free = free_bytes(self.target.parent)
        if free < self.reserve:
            raise self.failure(
                f"the disk fills up: free {free} bytes, needed {self.reserve} bytes of reserve "
                "for the service itself"
            )
        if remaining > self.left:
            raise self.failure(GREW_BACK)
        self.left = remaining

    def failure(self, reason: str) -> StepFailed:
        """The words for a copy that was given up."""
        return StepFailed(
            f"backup of {self.source}: {reason}",
            now="the unfinished copy was removed",
            untouched="the live database; its writers were not stopped",
            next="see what slows the disk or holds the lock, free space, then run it again",
        )


def take_snapshot(
    source: Path,
    target: Path,
    bookkeeping: Callable[[str], bool],
    *,
    seconds: float,
    reserve: int,
) -> Snapshot:
    """Copy a live database to a new private file; remove what was begun on failure.

    The file is not on the disk yet when this returns: the drill waits for that beside its work.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(target, flags, 0o600))
    watch = Watch(source, target, reserve, seconds)
    try:
        with opened(source, LIVE, seconds=seconds, busy=min(seconds, 30.0)) as live:
            live.execute("BEGIN")
            snapshot = describe(live, bookkeeping)
            copy_pages(live, target, watch, snapshot)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return snapshot


def describe(live: sqlite3.Connection, bookkeeping: Callable[[str], bool]) -> Snapshot:
    """Ask the source about itself; the first question begins the snapshot."""

    def pragma(name: str) -> str:
        return str(live.execute(f"PRAGMA {name}").fetchone()[0])

    schema = read_schema(live, bookkeeping)
    return Snapshot(
        schema=schema,
        rows=count_rows(live, schema),
        page_size=int(pragma("page_size")),
        pages=int(pragma("page_count")),
        journal_mode=pragma("journal_mode"),
        user_version=int(pragma("user_version")),
        application_id=int(pragma("application_id")),
    )


def copy_pages(live: sqlite3.Connection, target: Path, watch: Watch, snapshot: Snapshot) -> None:
    """Move all pages of the held snapshot; a copy that fails is removed: it needs no journal."""
    with opened(target, OWN) as copy:
        copy.execute("PRAGMA journal_mode = OFF")
        copy.execute("PRAGMA synchronous = OFF")
        try:
            live.backup(copy, pages=STEP_PAGES, progress=watch, sleep=0.05)
        except sqlite3.OperationalError as error:
            if "full" not in str(error):
                raise
            needed = snapshot.page_size * snapshot.pages
            raise watch.failure(
                f"the disk is full: needed {needed} bytes, free {free_bytes(target.parent)} bytes"
            ) from error
