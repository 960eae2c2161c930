"""A host with one SQLite store: real files, real WALs, real processes."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stagegate.journal import Run, open_journal
from stagegate.sqlite.driver import run_task
from stagegate.sqlite.task import Task

SCHEMA = """
CREATE TABLE sessions (id TEXT PRIMARY KEY, user TEXT NOT NULL, status TEXT DEFAULT 'created');
CREATE INDEX idx_sessions_status ON sessions(status);
CREATE TABLE entries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT REFERENCES sessions(id),
  key TEXT NOT NULL, value BLOB, weight REAL);
CREATE INDEX idx_entries_key ON entries(key);
CREATE TABLE state (task INT, key TEXT, value TEXT, PRIMARY KEY (task, key)) WITHOUT ROWID;
CREATE TABLE metrics (name TEXT, value REAL);
CREATE TABLE _yoyo_migration (id TEXT PRIMARY KEY);
"""

OLD = "gen-first"


@dataclass
class Site:
    """One host: its data directory, its state directory, one store, one run."""

    place: Path
    run_id: str = "20261122T073000Z-ab12"
    options: dict[str, Any] = field(default_factory=dict)
    release: dict[str, Any] = field(default_factory=lambda: {"version": "1.1"})

    @property
    def data(self) -> Path:
        return self.place / "data"

    @property
    def state(self) -> Path:
        return self.place / "state"

    @property
    def link(self) -> Path:
        return self.data / "current"

    @property
    def live(self) -> Path:
        """The database as the service opens it."""
        return self.link / "app.db"

    @property
    def old(self) -> Path:
        """The database of the generation that this run finds."""
        return self.data / "generations" / OLD / "app.db"

    @property
    def new(self) -> Path:
        """The database of the generation that this run makes."""
        return self.data / "generations" / f"gen-{self.run_id}" / "app.db"

    @property
    def evidence(self) -> Path:
        return self.state / "evidence" / self.run_id / "memory"

    @property
    def backup(self) -> Path:
        return self.state / "backups" / self.run_id / "memory"

    @property
    def run(self) -> Run:
        return Run(self.run_id, 1, "abathur", "host1", self.state, exclusive=False)

    @property
    def store(self) -> dict[str, Any]:
        return {
            "name": "memory",
            "kind": "sqlite",
            "path": str(self.live),
            "alias": str(self.data / "app.db"),
            "reserve_mb": 1,
            **self.options,
        }

    def task(self, action: str, **params: Any) -> Task:
        """One call of the driver, as the module would make it."""
        run = {
            "id": self.run_id,
            "epoch": 1,
            "system": "abathur",
            "host": "host1",
            "state": str(self.state),
            "exclusive": False,
        }
        return Task.from_params(
            {"action": action, "run": run, "store": self.store, "release": self.release, **params}
        )

    def do(self, action: str, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        """Do one action."""
        return run_task(self.task(action, **params), check_mode)

    def guard(self) -> None:
        """What the service driver does when it holds the services."""
        (self.state / "guard").touch()

    def migrate(self, sql: str = "ALTER TABLE entries ADD COLUMN note TEXT") -> None:
        """What a migration does to the new generation."""
        change(self.new, sql)

    def deploy(self, sql: str = "ALTER TABLE entries ADD COLUMN note TEXT") -> None:
        """The whole way to a live new generation."""
        self.do("backup")
        self.do("stage")
        self.migrate(sql)
        self.do("seal")
        self.guard()
        self.do("activate")

    def started(self) -> None:
        """What the ledger says once the services may have been started: users may have written."""
        with open_journal(self.run) as journal, journal.step("restart", "start") as step:
            step.done()

    def kinds(self, step: str) -> list[str]:
        """The kinds of the ledger entries of one step of this run."""
        with open_journal(self.run) as journal:
            return [entry.kind for entry in journal.of_run() if entry.step == step]


def make_site(place: Path, rows: int = 200, mode: str = "wal", **options: Any) -> Site:
    """A host whose store is live in a generation."""
    site = Site(place, options={"journal_mode": mode, **options})
    site.old.parent.mkdir(parents=True)
    fill(site.old, rows, mode)
    site.link.symlink_to(f"generations/{OLD}")
    (site.data / "app.db").symlink_to("current/app.db")
    return site


def fill(path: Path, rows: int, mode: str = "wal") -> None:
    """A database with the test schema and rows of every type."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.executescript(SCHEMA)
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO sessions(id, user) VALUES (?, ?)",
            ((f"s{n:06}", f"user{n % 7}") for n in range(rows // 4 + 1)),
        )
        connection.executemany(
            "INSERT INTO entries(session, key, value, weight) VALUES (?, ?, ?, ?)",
            ((f"s{n // 4:06}", f"key{n:06}", bytes([n % 256]) * 40, n / 7) for n in range(rows)),
        )
        connection.executemany(
            "INSERT INTO state VALUES (?, 'k', ?)", ((n, str(n)) for n in range(rows // 2))
        )
        connection.executemany("INSERT INTO metrics VALUES ('p99', ?)", ((n,) for n in range(5)))
        connection.execute("COMMIT")


def change(path: Path, sql: str) -> None:
    """Run SQL on a database, as its service would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(sql)


def ask(path: Path, sql: str) -> Any:
    """The first value of a query, read as the service would read it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(sql).fetchone()[0]


def content(directory: Path) -> dict[str, bytes]:
    """Every byte of the files in a directory; of ``-shm``, which holds no data, only the name."""
    return {p.name: b"" if p.name.endswith("-shm") else p.read_bytes() for p in directory.iterdir()}


def kill_with_full_wal(path: Path, sql: str) -> None:
    """Commit SQL into the WAL and die by SIGKILL, so that the WAL stays."""
    program = (
        "import os, signal, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('PRAGMA wal_autocheckpoint = 0')\n"
        "c.executescript(sys.argv[2])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path), sql])
    assert done.returncode == -signal.SIGKILL


def kill_in_transaction(path: Path, sql: str) -> None:
    """Die by SIGKILL with a rollback journal on the disk and half of the pages written."""
    program = (
        "import os, signal, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('PRAGMA cache_size = 1')\n"
        "c.execute('PRAGMA cache_spill = 1')\n"
        "c.execute('BEGIN IMMEDIATE')\n"
        "c.execute(sys.argv[2])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path), sql])
    assert done.returncode == -signal.SIGKILL


@contextmanager
def process(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process that said one line and now does what it does; killed at the end."""
    started = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert started.stdout is not None
        assert started.stdout.readline().strip() == "ready"
        yield started
    finally:
        started.kill()
        started.communicate()


HOLDER = """
import sqlite3, sys, time
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute(sys.argv[2])
if len(sys.argv) > 3:
    c.execute(sys.argv[3]).fetchall()
print("ready", flush=True)
time.sleep(600)
"""

WRITER = """
import sqlite3, sys, time
c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
c.execute("PRAGMA wal_autocheckpoint = 50")
done = open(sys.argv[2], "a", buffering=1)
print("ready", flush=True)
n = 0
while True:
    c.execute("BEGIN IMMEDIATE")
    c.execute("INSERT INTO metrics VALUES ('written', ?)", (n,))
    c.execute("UPDATE state SET value = 'w' || value WHERE task = ?", (n % 50,))
    c.execute("COMMIT")
    done.write(f"{n}\\n")
    n += 1
"""
