"""Connections, by what the file behind them is: live, at rest, or a copy of our own."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ..errors import StepFailed

LIVE = "mode=ro"
"""A service may be writing: read with its locks, never checkpoint, never create the file."""

AT_REST = "mode=ro&immutable=1"
"""Nobody writes and there is no WAL to read: no locks, and not a byte is left beside the file."""

OWN = "mode=rw"
"""A private copy that we may write."""

BUSY_SECONDS = 10.0
"""How long a statement waits for a writer before it gives up."""

AGAIN = 0.005
"""Seconds after which a connection that still works past its deadline is interrupted again."""

FAST_CACHE_KIB = 32 * 1024
"""Page cache for whole-file checks: twice as fast as with SQLite's 2 MiB, and still bounded."""

BUGGY_FROM, BUGGY_TO = (3, 7, 0), (3, 51, 2)
REPAIRED_BRANCHES = {(3, 50): 7, (3, 44): 6}


def uri(path: Path, access: str) -> str:
    """The name under which SQLite opens a file with one kind of access."""
    return f"{path.absolute().as_uri()}?{access}"


@contextmanager
def opened(
    path: Path, access: str, *, seconds: float = 0.0, busy: float | None = None
) -> Iterator[sqlite3.Connection]:
    """A connection in autocommit mode; trouble of SQLite's is told as StepFailed with the path.

    With ``seconds`` given, whatever still runs after so many is interrupted.
    """
    try:
        with (
            closing(
                sqlite3.connect(
                    uri(path, access),
                    uri=True,
                    timeout=BUSY_SECONDS if busy is None else busy,
                    isolation_level=None,
                    check_same_thread=False,
                )
            ) as connection,
            limited(connection, path, seconds),
        ):
            yield connection
    except sqlite3.Error as error:
        raise StepFailed(
            f"{path}: {error}",
            now="the statement was abandoned",
            untouched="the live database",
        ) from error


@contextmanager
def limited(connection: sqlite3.Connection, path: Path, seconds: float) -> Iterator[None]:
    """Interrupt what the connection does when the time is over, and say so."""
    if not seconds:
        yield
        return
    over, done = threading.Event(), threading.Event()

    def interrupt() -> None:
        if done.wait(seconds):
            return
        over.set()
        connection.interrupt()
        while not done.wait(AGAIN):  # one that comes between two statements stops neither
            connection.interrupt()

    timer = threading.Thread(target=interrupt, daemon=True)
    timer.start()
    try:
        yield
    except sqlite3.OperationalError as error:
        if not over.is_set():
            raise
        raise StepFailed(
            f"{path}: not finished within its deadline of {seconds:.0f} s",
            now="the work was interrupted",
            untouched="the live database",
            next="raise the deadline, or find out why the disk is so slow",
        ) from error
    finally:
        done.set()
        timer.join()  # before the connection is closed


def any_text(raw: bytes) -> str:
    """Text as SQLite keeps it, which need not be UTF-8; no two texts become the same."""
    return raw.decode("utf-8", "surrogateescape")


def quoted(name: str) -> str:
    """A table or column name as SQL text; it can end in nothing but itself."""
    return '"' + name.replace('"', '""') + '"'


def has_wal_reset_bug(version: tuple[int, ...]) -> bool:
    """True for the SQLite versions in which a checkpoint and a commit may corrupt a WAL database.

    It lived from 3.7.0 to 3.51.2; 3.50.7 and 3.44.6 carry the repair
    (https://www.sqlite.org/howtocorrupt.html, section 8).
    """
    repaired = REPAIRED_BRANCHES.get((version[0], version[1]))
    if repaired is not None and version[2] >= repaired:
        return False
    return BUGGY_FROM <= version[:3] <= BUGGY_TO
