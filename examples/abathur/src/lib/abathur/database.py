"""Connections to the database: their settings, their pool, their transactions."""

from __future__ import annotations

import platform
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from abathur.operation import Unavailable
from abathur.settings import StartupError

# busy_timeout first: setting the journal mode already needs to wait for others.
# Only journal_mode is stored in the file; the rest holds for one connection and is set on each.
PRAGMAS = {
    "busy_timeout": "5000",
    "journal_mode": "WAL",
    "synchronous": "NORMAL",
    "foreign_keys": "ON",
    "wal_autocheckpoint": "1000",
    "cache_size": "-64000",
    "temp_store": "MEMORY",
    "mmap_size": "268435456",
}
POOL_MIN = 5
POOL_MAX = 20
POOL_TIMEOUT = 30.0


def connect(path: Path) -> sqlite3.Connection:
    """Open the database, which must exist, with every setting of the service."""
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")
    load_vectors(connection)
    return connection


def load_vectors(connection: sqlite3.Connection) -> bool:
    """Load sqlite-vec into the connection where interpreter and platform allow it."""
    if not hasattr(connection, "enable_load_extension"):
        return False
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return False
    import sqlite_vec

    connection.enable_load_extension(True)
    try:
        sqlite_vec.load(connection)
    except sqlite3.OperationalError:  # another C library than the wheel's
        return False
    finally:
        connection.enable_load_extension(False)
    return True


def has_vectors(connection: sqlite3.Connection) -> bool:
    """Say whether sqlite-vec is loaded."""
    found = connection.execute("SELECT 1 FROM pragma_function_list WHERE name = 'vec_version'")
    return found.fetchone() is not None


def read_pragmas(connection: sqlite3.Connection) -> dict[str, str | int]:
    """Read the connection's settings as SQLite reports them (synchronous 1 is NORMAL)."""
    return {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS}


def require_migrations(connection: sqlite3.Connection, wanted: tuple[str, ...]) -> None:
    """Refuse a database that has not had every migration of this release."""
    try:
        rows = connection.execute("SELECT migration_id FROM _yoyo_migration").fetchall()
    except sqlite3.DatabaseError as error:
        raise StartupError(f"the database has no record of migrations: {error}") from error
    missing = sorted(set(wanted) - {row[0] for row in rows})
    if missing:
        raise StartupError(
            f"the database lacks {', '.join(missing)}: apply this release's migrations first"
        )


class Pool:
    """At least `POOL_MIN` and at most `POOL_MAX` connections, lent to one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._free: deque[sqlite3.Connection] = deque(connect(path) for _ in range(POOL_MIN))
        self._open = POOL_MIN
        self._changed = threading.Condition()

    @property
    def in_use(self) -> int:
        """Return how many connections are lent now."""
        return self._open - len(self._free)

    @contextmanager
    def borrow(self, timeout: float = POOL_TIMEOUT) -> Iterator[sqlite3.Connection]:
        """Lend a connection; wait at most `timeout` seconds for one."""
        connection = self._take(timeout)
        try:
            yield connection
        finally:
            with self._changed:
                self._free.append(connection)
                self._changed.notify()

    def _take(self, timeout: float) -> sqlite3.Connection:
        with self._changed:
            if not self._changed.wait_for(lambda: self._free or self._open < POOL_MAX, timeout):
                raise Unavailable(f"all {POOL_MAX} connections were in use for {timeout:g} s")
            if self._free:
                return self._free.pop()
            connection = connect(self._path)
            self._open += 1
            return connection

    def pragmas(self) -> list[dict[str, str | int]]:
        """Read the settings of every connection that is free now."""
        with self._changed:
            return [read_pragmas(connection) for connection in self._free]

    def close(self) -> None:
        """Close the connections that are back; call it when nobody borrows any more."""
        with self._changed:
            while self._free:
                self._free.pop().close()


class Database:
    """The database as the service uses it: one transaction for each operation."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pool = Pool(path)
        # SQLite has one writer. Waiting for it here is fair and needs no polling; the busy timeout
        # remains for the other process.
        self._writer = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that sees one state of the data throughout."""
        with self.pool.borrow() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend the writer's connection; leaving the block commits, an exception takes all back."""
        if not self._writer.acquire(timeout=POOL_TIMEOUT):
            raise Unavailable(f"another write has been running for {POOL_TIMEOUT:g} s")
        try:
            with self.pool.borrow() as connection:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
        finally:
            self._writer.release()
