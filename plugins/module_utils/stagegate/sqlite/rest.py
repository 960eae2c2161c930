"""A database that no process has open: its exact facts, and copies that leave it untouched."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import StepFailed
from ..files import fsync_dir, make_private_dir
from ..store.copying import copy_file, open_plain
from ..store.facts import file_facts
from .connect import OWN, opened

MAGIC = b"SQLite format 3\0"
HEADER_BYTES = 100
COMPANIONS = ("-wal", "-journal")
"""Files that hold content of the database beside it."""

LEFTOVERS = ("-wal", "-shm", "-journal")


@dataclass(frozen=True)
class Header:
    """The part of a database file's first 100 bytes that tells one state from another."""

    page_size: int
    wal: bool
    change_counter: int
    pages: int
    schema_cookie: int


def beside(path: Path, ending: str) -> Path:
    """The companion of a database file."""
    return path.with_name(path.name + ending)


def read_header(path: Path) -> Header:
    """Read the header of a database at rest. Raises StepFailed when it is none."""
    descriptor = open_plain(path)
    with os.fdopen(descriptor, "rb", buffering=0) as handle:
        raw = handle.read(HEADER_BYTES)
    if len(raw) < HEADER_BYTES or not raw.startswith(MAGIC):
        raise StepFailed(f"{path} is not a SQLite database: it does not begin like one")
    page_size = int(struct.unpack(">H", raw[16:18])[0])
    counter, pages = struct.unpack(">II", raw[24:32])
    return Header(
        page_size=65536 if page_size == 1 else page_size,
        wal=raw[18] == 2,
        change_counter=counter,
        pages=pages,
        schema_cookie=int(struct.unpack(">I", raw[40:44])[0]),
    )


def read_facts(path: Path) -> dict[str, Any]:
    """What changes whenever the content does: of the file and of its companions, and the header.

    Constant in the size of the data. A companion that is absent or empty holds nothing: None.
    """
    facts: dict[str, Any] = {"": file_facts(path)}
    for ending in COMPANIONS:
        facts[ending] = None
        with suppress(FileNotFoundError):
            found = file_facts(beside(path, ending))
            facts[ending] = found if found["bytes"] else None
    facts["change_counter"] = None
    with suppress(StepFailed):  # what is no database any more is still kept as evidence
        facts["change_counter"] = read_header(path).change_counter
    return facts


def is_clean(path: Path) -> bool:
    """True when all content is in the file itself."""
    facts = read_facts(path)
    return all(facts[ending] is None for ending in COMPANIONS)


def copy_at_rest(source: Path, target: Path) -> None:
    """Copy a database with all that its WAL or its journal holds; the source is only read as bytes.

    SQLite recovers the copy, never the source: a WAL is folded into the copy, a transaction that a
    killed process left half-written is rolled back there. The copy is one file, in rollback mode.
    """
    copy_bytes(source, target)
    fold(target, "delete")
    fsync_dir(target.parent)


def copy_bytes(source: Path, target: Path) -> None:
    """Copy the files of a database as they are, in place of an earlier copy."""
    make_private_dir(target.parent)
    remove_database(target)
    copy_file(source, target)
    for ending in COMPANIONS:
        if beside(source, ending).exists():
            copy_file(beside(source, ending), beside(target, ending))
    fsync_dir(target.parent)


def fold(path: Path, journal_mode: str) -> None:
    """Put all content of our own copy into its one file, and set its journal mode.

    Raises StepFailed when SQLite refuses, or when something is left beside the file.
    """
    with opened(path, OWN) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        mode = str(connection.execute(f"PRAGMA journal_mode = {journal_mode}").fetchone()[0])
    if busy or mode != journal_mode:
        raise StepFailed(f"{path}: its journal mode stays {mode}, {journal_mode} was asked for")
    left = [ending for ending in LEFTOVERS if beside(path, ending).exists()]
    if left:
        raise StepFailed(
            f"{path}: {', '.join(left)} is left beside it after a clean close; somebody has it open"
        )


def remove_database(path: Path) -> None:
    """Remove a copy of our own and what lies beside it."""
    for ending in ("", *LEFTOVERS):
        beside(path, ending).unlink(missing_ok=True)


@contextmanager
def clean_reading(path: Path, scratch: Path) -> Iterator[Path]:
    """A file that holds all content of a database at rest and may be opened as immutable.

    It is the database itself when it is clean, else a recovered copy that is removed afterwards.
    """
    if is_clean(path):
        yield path
        return
    copy = scratch / f"reading-{path.name}"
    copy_at_rest(path, copy)
    try:
        yield copy
    finally:
        remove_database(copy)
