"""A backup proved by restoring it: the copy in scratch is questioned, never the backup itself."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import StepFailed
from ..files import make_private_dir
from ..store.copying import copy_file, digest_file, fsync_file
from .connect import AT_REST, opened
from .fingerprint import table_digests
from .integrity import broken_references, some_of, structure_problems
from .model import Store
from .rest import remove_database
from .schema import read_schema
from .snapshot import Snapshot


@dataclass(frozen=True)
class Proof:
    """What a drilled backup was found to be."""

    sha256: str
    tables: dict[str, Any]


def restore_copy(backup: Path, scratch: Path) -> None:
    """Restore a backup into scratch, in place of what an earlier try left there.

    The copy need not outlive a power cut, and is not waited for.
    """
    make_private_dir(scratch.parent)
    remove_database(scratch)
    copy_file(backup, scratch, durable=False)


def drill(store: Store, backup: Path, scratch: Path, snapshot: Snapshot, seconds: float) -> Proof:
    """Restore a backup and prove the copy: its bytes, its structure, its references, its content.

    The parts run side by side, for SQLite, the disk and the digest work without the interpreter's
    lock. Raises StepFailed with what is wrong. When it returns, the backup is on the disk and was
    read from it.
    """
    with ThreadPoolExecutor(2) as aside:
        synced = aside.submit(fsync_file, backup)
        restore_copy(backup, scratch)
        structure = aside.submit(prove_structure, store, scratch, seconds)
        synced.result()
        digest = aside.submit(digest_file, backup, scratch)
        tables = prove_rows(store, scratch, snapshot, seconds)
        structure.result()
        return Proof(digest.result(), tables)


def prove_structure(store: Store, scratch: Path, seconds: float) -> None:
    """Raise StepFailed for structural damage or for rows without their parents."""
    with opened(scratch, AT_REST, seconds=seconds) as connection:
        refuse_damage(store, connection, "the restored backup")


def refuse_damage(store: Store, connection: sqlite3.Connection, where: str) -> int:
    """Raise StepFailed when a database is damaged; return how many rows lack a parent."""
    problems = structure_problems(connection)
    if problems:
        raise StepFailed(
            f"{where} of {store.name} is damaged (pragma integrity_check): {some_of(problems)}",
            now="it is not used",
            untouched="the live database",
            next="examine it; if the live database has the same damage, repair that first",
        )
    violations = broken_references(connection)
    if violations.count > store.accepted_violations:
        raise StepFailed(
            f"{where} of {store.name} has {violations.count} rows that break a foreign key, "
            f"{store.accepted_violations} are accepted (pragma foreign_key_check): "
            + some_of(violations.first, violations.count),
            now="it is not used",
            untouched="the live database",
            next="correct the rows, or the migration that made them",
        )
    return violations.count


def prove_rows(
    store: Store, scratch: Path, snapshot: Snapshot, seconds: float
) -> dict[str, dict[str, Any]]:
    """Digest every table of the restored copy; raise StepFailed unless the source had the same."""
    with opened(scratch, AT_REST, seconds=seconds) as connection:
        schema = read_schema(connection, store.is_bookkeeping)
        if schema.fingerprint != snapshot.schema.fingerprint:
            raise StepFailed(
                f"the restored backup of {store.name} has another schema than its source"
            )
        tables = table_digests(connection, schema)
    for name, rows in snapshot.rows.items():
        if tables[name]["rows"] != rows:
            raise StepFailed(
                f"the restored backup of {store.name} has {tables[name]['rows']} rows in {name}, "
                f"its source had {rows}"
            )
    return tables
