"""What preflight asks of a store, and every reason to refuse a deployment before it begins."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import Refused, StepFailed
from ..store.generations import UNTOUCHED, content_of
from ..store.guard import refuse_moved, state_places
from ..store.space import Need, refuse_network, refuse_shortage, refuse_unwritable
from .backup import live_bytes
from .connect import LIVE, has_wal_reset_bug, opened
from .generations import locate
from .integrity import Violations, broken_references, some_of, structure_problems
from .model import Store
from .schema import Schema, read_schema
from .task import Task

COPIES_BESIDE_STATE, COPIES_BESIDE_DATA = 3, 1
"""Whole copies of a run: backup, drilled or frozen copy, activated image; the generation."""

HOLD_SECONDS = 2.0
"""How long a check may stop the writers of a database that is not in WAL mode."""


def probe(task: Task, act: bool) -> dict[str, Any]:
    """The facts of a store that may be deployed to. Raises Refused; changes nothing.

    With ``act`` each directory is proved by writing a file to it, otherwise (check mode) it is only
    looked at.
    """
    store = task.store
    target = locate(store, task.pinned_generations())
    refuse_moved(task, target)
    mounts = Path("/proc/self/mountinfo").read_text()
    kind = refuse_network(store.root, mounts)
    if target is not None:  # on a fresh host the account is made together with the directories
        store.owner_ids()
    for directory in (store.root, store.generations, *state_places(task)):
        refuse_unwritable(directory, act)
    source = None if target is None else content_of(store, target)
    refuse_shortage(needs(task, source), store.reserve)
    facts = {
        "state": "absent" if source is None else "generation",
        "target": target,
        "file_system": kind,
        "sqlite": sqlite3.sqlite_version,
        "wal_reset_bug": has_wal_reset_bug(sqlite3.sqlite_version_info),
    }
    return facts if source is None else {**facts, **ask(task, source)}


def needs(task: Task, source: Path | None) -> list[Need]:
    """The room that a whole run needs, where it needs it."""
    size = 0 if source is None else live_bytes(source)
    return [
        Need(task.run.state / "backups", size * COPIES_BESIDE_STATE),
        Need(task.store.root, size * COPIES_BESIDE_DATA),
    ]


def ask(task: Task, source: Path) -> dict[str, Any]:
    """Question the live database, beside its writers."""
    store = task.store
    try:
        with opened(source, LIVE, seconds=task.deadline) as live:
            mode = str(live.execute("PRAGMA journal_mode").fetchone()[0])
            schema = read_schema(live, store.is_bookkeeping)
            page_size = int(live.execute("PRAGMA page_size").fetchone()[0])
            refuse_mode(store, source, mode)
            refuse_missing(task, source, schema)
            structure, violations = examine(live, hold=0.0 if mode == "wal" else HOLD_SECONDS)
    except StepFailed as error:
        raise refused(f"stores.{store.name}: {error.what}") from error
    refuse_damage(store, source, structure or [], violations)
    return {
        "bytes": source.stat().st_size,
        "all_bytes": live_bytes(source),
        "page_size": page_size,
        "journal_mode": mode,
        "schema": schema.fingerprint,
        "tables": sorted([*schema.tables, *schema.virtual]),
        "structure": "left to the backup" if structure is None else "checked",
        "violations": violations.count,
    }


def examine(live: sqlite3.Connection, hold: float) -> tuple[list[str] | None, Violations]:
    """Check structure and references; None for the structure when that took longer than ``hold``.

    A reader of a database that is not in WAL mode stops its writers. The drill of the backup, which
    comes before any change, then does the check.
    """
    with interrupted_after(live, hold):
        try:
            return structure_problems(live), broken_references(live)
        except sqlite3.OperationalError as error:
            if not hold or "interrupted" not in str(error):
                raise
            return None, Violations(0, ())


@contextmanager
def interrupted_after(connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Interrupt what still runs after so many seconds; never with 0."""
    timer = threading.Timer(seconds, connection.interrupt)
    timer.daemon = True
    if seconds:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def refuse_mode(store: Store, source: Path, mode: str) -> None:
    """Raise Refused for another journal mode than declared; the file knows only WAL and not WAL."""
    if (mode == "wal") != (store.journal_mode == "wal"):
        raise refused(
            f"{source} is in journal mode {mode}, declared is {store.journal_mode}",
            "correct stores[].journal_mode, or let the service set the mode",
        )


def refuse_missing(task: Task, source: Path, schema: Schema) -> None:
    """Raise Refused when expected tables are missing that the release does not bring itself."""
    brought = {table for table, rule in task.declared.items() if rule.created}
    there = {*schema.tables, *schema.virtual, *brought}
    missing = [name for name in task.store.tables if name not in there]
    if missing:
        raise refused(
            f"{source} lacks the expected tables: {', '.join(missing)}",
            "correct stores[].path, or declare release.expected_changes.<table>.created: true",
        )


def refuse_damage(store: Store, source: Path, structure: list[str], violations: Violations) -> None:
    """Raise Refused for a damaged database, and for rows without their parents."""
    if structure:
        raise refused(
            f"{source} is damaged (pragma integrity_check): {some_of(structure)}",
            "nothing is repaired automatically: examine a copy, restore a verified backup",
        )
    if violations.count > store.accepted_violations:
        raise refused(
            f"{source} has {violations.count} rows that break a foreign key "
            f"(pragma foreign_key_check): {some_of(violations.first, violations.count)}",
            "correct these rows, or set stores[].accepted_violations to the number you accept",
        )


def refused(what: str, after: str = "examine it; nothing is repaired automatically") -> Refused:
    """A refusal before anything changed."""
    return Refused(what, now="nothing was changed", untouched=UNTOUCHED, next=after)
