"""Where the live database is, and what may lie beside it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..errors import StepFailed
from ..store.generations import (
    live_directory,
    refusal,
    refuse_absent,
    refuse_existing_data,
    refuse_strangers,
)
from .model import Store
from .rest import LEFTOVERS

DATABASE_ENDINGS = (".db", ".sqlite", ".sqlite3", ".db3")


def locate(store: Store, pinned: frozenset[str] = frozenset()) -> str | None:
    """The live generation's target, proved to hold this one database; None on a first install.

    ``pinned`` names generations that earlier runs left behind as evidence. Raises Refused for
    anything that is neither, and never takes existing data for an empty place.
    """
    directory = live_directory(store)
    if directory is None:
        refuse_existing_data(store, pinned, DATABASE_ENDINGS)
        return None
    refuse_absent(store, directory)
    problem = file_problem(directory / store.file)
    if problem:
        raise refusal(problem)
    refuse_strangers(directory, files_of(store), store.file)
    return directory.relative_to(store.root).as_posix()


def files_of(store: Store) -> set[str]:
    """The names that a generation may hold."""
    return {store.file, *(store.file + ending for ending in LEFTOVERS)}


def file_problem(place: Path) -> str:
    """Why a database's file is not one ordinary file of its own; empty when it is."""
    status = place.lstat()
    if not stat.S_ISREG(status.st_mode):
        return f"{place} is not an ordinary file"
    if status.st_size == 0:
        return f"{place} has 0 bytes: it is no database, though SQLite would call it one"
    if status.st_nlink > 1:
        return (
            f"{place} has {status.st_nlink} hard links: under two names its WAL is found under "
            "one only, which corrupts it"
        )
    return ""


def give_to_owner(store: Store, directory: Path) -> None:
    """Make a generation and its database the service's own, and nobody else's business.

    Raises StepFailed for a link in their place: a migration runs as the service, and what it leaves
    must not lead us to other files.
    """
    ids = store.owner_ids()
    problem = file_problem(directory / store.file)
    if problem:
        raise StepFailed(problem, now="the data link was not moved", untouched="the live data")
    for path, mode in ((directory / store.file, 0o600), (directory, 0o700)):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchmod(descriptor, mode)
            if ids is not None:
                os.fchown(descriptor, ids[0], ids[1])
        finally:
            os.close(descriptor)
