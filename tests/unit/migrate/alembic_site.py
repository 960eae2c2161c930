"""A server, a database for each test, and small releases that bring their own alembic."""

from __future__ import annotations

import os
import pwd
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import alembic
import psycopg

from stagegate import places
from stagegate.journal import Run, open_journal
from stagegate.ledger import Entry, read_ledger
from stagegate.migrate.alembic_apply import apply
from stagegate.migrate.alembic_revert import revert
from tests.servers.postgresql import Cluster

ENV = """
from alembic import context
connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration={per_migration})
with context.begin_transaction():
    context.run_migrations()
"""

TABLE = "CREATE TABLE words (id int PRIMARY KEY, word text NOT NULL, length int)"
WORDS = f'op.execute("{TABLE}")'
NO_WORDS = 'op.execute("DROP TABLE words")'
INDEX = 'op.create_index("words_word", "words", ["word"])'
NO_INDEX = 'op.drop_index("words_word")'


def revision(name: str, below: str | None, up: str, down: str = "pass") -> str:
    """The text of one migration."""

    def body(text: str) -> str:
        return "\n".join(f"    {line}" for line in text.strip().splitlines())

    return (
        f"import time\nfrom alembic import op\nimport sqlalchemy as sa\n"
        f"revision = {name!r}\ndown_revision = {below!r}\n\n"
        f"def upgrade():\n{body(up)}\n\ndef downgrade():\n{body(down)}\n"
    )


def line(*steps: tuple[str, ...]) -> dict[str, str]:
    """Migrations that build on each other: (id, up) or (id, up, down), oldest first."""
    below = [None, *(step[0] for step in steps)]
    return {step[0]: revision(step[0], base, *step[1:]) for step, base in zip(steps, below)}


FIRST = ("r1", WORDS, NO_WORDS)
SECOND = ("r2", INDEX, NO_INDEX)


def release(place: Path, revisions: dict[str, str], per_migration: bool = False) -> Path:
    """A release whose library is the one that alembic was installed into."""
    versions = place / "migrations/versions"
    versions.mkdir(parents=True)
    (place / "lib").symlink_to(Path(str(alembic.__file__)).parents[1])
    (place / "migrations/env.py").write_text(ENV.format(per_migration=per_migration))
    for name, text in revisions.items():
        (versions / f"{name}.py").write_text(text)
    return place


def texts(revisions: dict[str, str]) -> dict[str, str]:
    """The same migrations, as the archive's inspection gives them."""
    return {f"migrations/versions/{name}.py": text for name, text in revisions.items()}


@dataclass
class Site:
    """One live database of a cluster, and what the driver is told of it."""

    cluster: Cluster
    database: str
    place: Path
    owner: str = field(default_factory=lambda: pwd.getpwuid(os.geteuid()).pw_name)
    python: str = sys.executable

    @property
    def store(self) -> dict[str, Any]:
        """The store as an inventory declares it."""
        return {
            "name": "history",
            "kind": "postgresql",
            "database": self.database,
            "socket": str(self.cluster.socket),
            "port": self.cluster.port,
            "owner": self.owner,
            "admin": self.cluster.admin,
            "lock_timeout": 1,
            "statement_timeout": 30,
            "migrations": {"kind": "alembic", "directory": "migrations"},
        }

    def run(self, name: str = "run-1", migration_class: str = "compatible") -> dict[str, Any]:
        """A run that takes no lock."""
        return {
            "id": name,
            "epoch": 0,
            "system": "demo",
            "host": "db1",
            "state": str(self.place / "state"),
            "exclusive": False,
            "plan": {"migration_class": migration_class},
        }

    def params(self, release: Path, **changes: Any) -> dict[str, Any]:
        """The module's parameters for the live database."""
        return {
            "run": self.run(),
            "store": self.store,
            "database": places.url(self.store, self.database),
            "release_path": str(release),
            "python": self.python,
            "deadline": 60.0,
            "migration_class": "compatible",
            **changes,
        }

    def begin(self) -> None:
        """Make it what a release led to r1 long ago, before this ledger began."""
        self.sql(TABLE)
        self.sql("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        self.sql("INSERT INTO alembic_version VALUES ('r1')")

    def copy(self, which: str, run: str = "run-1") -> str:
        """A copy of the live database, called as the run calls it; its place."""
        run = {"gen": "run-2"}.get(which, run)
        name = places.database_name(self.store, run, which)
        self.cluster.sql(f"CREATE DATABASE {name} TEMPLATE {self.database} OWNER {self.owner}")
        return places.url(self.store, name)

    def apply(self, release: Path, phase: str = "migrate", **changes: Any) -> dict[str, Any]:
        """Apply, as the module does."""
        params = self.params(release, **changes)
        with open_journal(Run.from_params(params["run"])) as journal:
            return apply(journal, phase, params)

    def revert(self, release: Path, **changes: Any) -> dict[str, Any]:
        """Go down again, as the module does."""
        params = self.params(release, **changes)
        with open_journal(Run.from_params(params["run"])) as journal:
            return revert(journal, "rollback", params)

    def sql(self, statement: str, database: str = "") -> str:
        """Run SQL as the owner of the data."""
        return self.cluster.sql(statement, database or self.database, self.owner)

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """A session of somebody else's."""
        return psycopg.connect(
            host=str(self.cluster.socket),
            port=self.cluster.port,
            dbname=self.database,
            user=self.owner,
            **options,
        )

    def revision(self, database: str = "") -> str:
        """What the database says of itself."""
        return self.sql("SELECT version_num FROM alembic_version", database)

    def has(self, name: str, database: str = "") -> bool:
        """True when a table or an index exists."""
        return self.sql(f"SELECT to_regclass('{name}') IS NOT NULL", database) == "t"

    def sessions(self) -> int:
        """How many sessions of any run the server has."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'stagegate/%'"
        return int(self.sql(query))

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The ledger."""
        return read_ledger(self.place / "state/ledger.jsonl").entries

    def last(self, step: str = "apply:history") -> Entry:
        """The last entry of a step."""
        return [entry for entry in self.entries if entry.step == step][-1]
