"""A host with one PostgreSQL store: a real server, real sessions, real dumps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from stagegate.journal import open_journal
from stagegate.postgresql.driver import run_task
from stagegate.postgresql.task import Task
from tests.servers.postgresql import Cluster

OWNER, READER = "nobody", "reader"
RUN = "20261122T073000Z-ab12"

SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE users (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(50) NOT NULL,
  state varchar(10) DEFAULT 'new' CHECK (state IN ('new', 'old')), mood mood,
  active boolean DEFAULT true, upper text GENERATED ALWAYS AS (upper(name)) STORED);
CREATE INDEX users_lower ON users (lower(name)) WHERE state = 'new';
CREATE TABLE history (
  id serial PRIMARY KEY, user_id bigint REFERENCES users, tool text,
  weight float8, price numeric(10, 2), seen timestamptz DEFAULT now(), raw bytea, extra jsonb,
  CONSTRAINT history_weight CHECK (weight BETWEEN 0 AND 1000 AND (tool <> 'x' OR weight > 2)));
CREATE INDEX history_user ON history (user_id);
CREATE TABLE pairs (a int, b text, n int, PRIMARY KEY (a, b));
CREATE TABLE metrics (name text, value int);
CREATE VIEW recent AS SELECT u.name, h.tool FROM users u JOIN history h ON h.user_id = u.id
  WHERE u.state IN ('new', 'old');
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('a1');
GRANT SELECT ON users TO reader;
"""

ROWS = """
INSERT INTO users (name, mood) SELECT 'user' || g, 'ok' FROM generate_series(1, {rows}) g;
INSERT INTO history (user_id, tool, weight, price, raw, extra)
  SELECT g, E'tab\\there' || g, g / 7.0, g, '\\x00ff', '{{"a": 1}}'
  FROM generate_series(1, {rows}) g;
INSERT INTO pairs SELECT g, E'back\\\\slash' || g, NULLIF(g, 5) FROM generate_series(1, 10) g;
INSERT INTO metrics VALUES ('p99', 1), ('p99', 1), (NULL, 2), ('', 3);
"""

OPEN_AS_BEFORE = (
    "SELECT datconnlimit, (SELECT array_agg(a ORDER BY a::text) FROM unnest(datacl) a), "
    "(SELECT setconfig FROM pg_db_role_setting s WHERE s.setdatabase = d.oid) "
    "FROM pg_database d WHERE datname = 'sparkle'"
)
"""What a database says of who may connect to it, and of its settings."""

ADDED = "ALTER TABLE history ADD COLUMN note text DEFAULT 'none'"
"""A migration that only adds."""


@dataclass
class Site:
    """One host: its server, its state directory, one store, one run."""

    cluster: Cluster
    state: Path
    run_id: str = RUN
    migration_class: str = "compatible"
    options: dict[str, Any] = field(default_factory=dict)
    release: dict[str, Any] = field(default_factory=lambda: {"version": "1.1"})

    @property
    def store(self) -> dict[str, Any]:
        return {
            "name": "history",
            "kind": "postgresql",
            "database": "sparkle",
            "socket": str(self.cluster.socket),
            "port": self.cluster.port,
            "owner": OWNER,
            "admin": self.cluster.admin,
            "reserve_mb": 1,
            "lock_timeout": 1,
            **self.options,
        }

    @property
    def run(self) -> dict[str, Any]:
        return {
            "id": self.run_id,
            "epoch": 1,
            "system": "sparkle",
            "host": "db1",
            "state": str(self.state),
            "exclusive": False,
            "plan": {"migration_class": self.migration_class},
        }

    @property
    def backup(self) -> Path:
        return self.state / "backups" / self.run_id / "history"

    @property
    def dump(self) -> Path:
        return self.backup / "sparkle.dump"

    @property
    def evidence(self) -> Path:
        return self.state / "evidence" / self.run_id / "history"

    @property
    def target(self) -> str:
        """The database that the run's migration changes."""
        return self.beside("gen") if self.migration_class == "one_way" else "sparkle"

    def beside(self, which: str) -> str:
        return f"sparkle_{which}_{self.run_id.lower().replace('-', '')}"

    def task(self, action: str, **params: Any) -> Task:
        """One call of the driver, as the module would make it."""
        params = {"store": self.store, "release": self.release, **params}
        return Task.from_params({"action": action, "run": self.run, **params})

    def do(self, action: str, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        """Do one action."""
        return run_task(self.task(action, **params), check_mode)

    def sql(self, statement: str, database: str = "sparkle", user: str = OWNER) -> str:
        """Run SQL as a service or a migration would."""
        with opened(self, user=user, database=database) as session:
            return told(session, statement)

    def admin(self, statement: str) -> str:
        """Run SQL beside all databases."""
        return self.sql(statement, "postgres", self.cluster.admin)

    def databases(self) -> set[str]:
        """All databases of the store."""
        query = "SELECT datname FROM pg_database WHERE datname LIKE 'sparkle%'"
        return set(self.admin(query).splitlines())

    def limit(self, database: str = "sparkle") -> int:
        query = f"SELECT datconnlimit FROM pg_database WHERE datname = '{database}'"
        return int(self.admin(query))

    def rehearse(self, sql: str = ADDED) -> None:
        """Back up, migrate the drilled copy, and have it compared."""
        self.do("backup")
        self.sql(sql, self.beside("drill"))
        self.do("compare")

    def migrate(self, sql: str = ADDED) -> None:
        """Stage and migrate; not judged yet."""
        self.do("stage")
        self.sql(sql, self.target)

    def deploy(self, sql: str = ADDED) -> None:
        """The whole way to migrated data that are live."""
        self.rehearse(sql)
        self.migrate(sql)
        self.do("seal")
        self.do("activate")

    def kinds(self, step: str) -> list[str]:
        """The kinds of the ledger entries of one step of this run."""
        with open_journal(self.task("probe").run) as journal:
            return [entry.kind for entry in journal.of_run() if entry.step == step]

    def session(self, user: str = OWNER, name: str = "", database: str = "sparkle") -> Any:
        """An open session of somebody else."""
        return psycopg.connect(
            dbname=database,
            host=str(self.cluster.socket),
            port=self.cluster.port,
            user=user,
            application_name=name,
            autocommit=True,
        )


def told(session: Any, statement: str) -> str:
    """The rows of the last statement, one a line, columns parted by ``|``, as psql shows them."""
    cursor = session.execute(statement)
    while cursor.nextset():
        pass
    result = cursor.pgresult
    lines = []
    for row in range(result.ntuples):
        values = (result.get_value(row, column) for column in range(result.nfields))
        lines.append("|".join((value or b"").decode() for value in values))
    return "\n".join(lines)


@contextmanager
def opened(site: Site, **options: str) -> Iterator[Any]:
    """A session of somebody else for the time of a block, even when it is ended meanwhile."""
    with closing(site.session(**options)) as session:
        yield session


def connects(site: Site, user: str, database: str = "sparkle") -> bool:
    with suppress(psycopg.OperationalError):
        site.session(user, database=database).close()
        return True
    return False


def build_twice(site: Site) -> None:
    """A unique index over rows that are not: built beside writers, it stays invalid."""
    with suppress(psycopg.errors.UniqueViolation):
        site.sql("CREATE UNIQUE INDEX CONCURRENTLY twice ON metrics (name)")
    assert "twice" in site.sql("SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid")
