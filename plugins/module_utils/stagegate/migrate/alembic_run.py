"""alembic of a release, as a process of its own: bounded, watched, and never survived by a session.

The process may die while its session works on in the server, and a server ends a statement of a
dead client late or never. So every call ends by asking the server for the sessions of this run, by
name, and waits until each is gone.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ..command import Outcome, run_command
from ..errors import BadInput
from ..journal import Run
from ..places import database_name
from ..postgresql.model import Store
from ..postgresql.session import application_name, connect, end_orphans
from . import alembic_runner
from .alembic_chain import Chain

CHECK_CLIENT = "1s"
"""How soon the server notices, in a long statement, that the migration's process is gone."""

LOCK_NOT_AVAILABLE = "55P03"


@dataclass(frozen=True)
class Site:
    """One database and one staged release: where migrations run, with whose rights, within what.

    ``deadline`` is in seconds, for one call of alembic; ``python`` the interpreter for the release.
    """

    run: Run
    store: Store
    database: str
    release: Path
    directory: str
    python: str
    deadline: float

    @classmethod
    def from_params(cls, run: Run, params: Mapping[str, Any]) -> Site:
        """Read the module's parameters."""
        noun = params["store"]
        migrations = noun.get("migrations") or {}
        return cls(
            run=run,
            store=Store.from_params(noun),
            database=database_of(str(params.get("database") or "")),
            release=Path(str(params.get("release_path") or "")),
            directory=str(migrations.get("directory") or "migrations"),
            python=str(params.get("python") or ""),
            deadline=float(params.get("deadline") or 3600),
        )

    @property
    def live(self) -> bool:
        """True for the database that the services use."""
        return self.database == self.store.database

    @property
    def rehearsed(self) -> bool:
        """True for the drilled copy of this run."""
        noun = {"name": self.store.name, "database": self.store.database}
        return self.database == database_name(noun, self.run.id, "drill")

    @property
    def migrations(self) -> Path:
        """The folder of env.py."""
        return self.release / self.directory


@dataclass(frozen=True)
class Report:
    """How one call ended. ``commits`` is None when the process died before it could tell."""

    outcome: Outcome
    commits: int | None = None
    error: str = ""
    sqlstate: str = ""
    at: str = ""

    @property
    def well(self) -> bool:
        """True when alembic carried out its order."""
        return self.outcome.well and self.commits is not None and not self.error

    @property
    def reason(self) -> str:
        """Why it did not end well, in one line."""
        if self.error:
            return f"{self.at}: {self.error}" if self.at else self.error
        return self.outcome.reason()

    @property
    def said(self) -> str:
        """The end of what alembic and the migrations printed."""
        return self.outcome.said.partition(alembic_runner.MARK)[0].strip()


def database_of(place: str) -> str:
    """The name of the database in a URL, or BadInput when there is none."""
    parts = urlsplit(place)
    name = unquote(parts.path.lstrip("/"))
    if parts.scheme not in ("postgresql", "postgres") or not name or "/" in name:
        raise BadInput(f"migrate_database must be the URL of a PostgreSQL database: {place!r}")
    return name


def run_alembic(site: Site, chain: Chain, action: str, target: str) -> Report:
    """Upgrade or downgrade to one revision by its id; afterwards no session of the run is left."""
    query = f"host={site.store.socket}&port={site.store.port}"
    order = {
        "library": str(site.release / "lib"),
        "migrations": str(site.migrations),
        "url": f"postgresql+psycopg://{site.store.owner}@/{site.database}?{query}",
        "place": f"postgresql://{site.store.owner}@/{site.database}?{query}",
        "revisions": chain.ids,
        "action": action,
        "target": target,
    }
    try:
        outcome = run_command(
            [site.python, "-I", "-c", inspect.getsource(alembic_runner), json.dumps(order)],
            deadline=site.deadline,
            user=site.store.owner,
            cwd=str(site.release),
            environment=bounds(site),
        )
    finally:
        end_sessions(site)
    return read_report(outcome)


def bounds(site: Site) -> dict[str, str]:
    """What every connection of the process begins with, by libpq's environment."""
    statement = f"{site.store.statement_timeout}s"
    settings = {
        "lock_timeout": f"{site.store.lock_timeout}s",
        "statement_timeout": statement,
        "idle_in_transaction_session_timeout": statement,
        "idle_session_timeout": "0",
        "client_connection_check_interval": CHECK_CLIENT,
    }
    return {
        "PGAPPNAME": application_name(site.run, "apply"),
        "PGOPTIONS": " ".join(f"-c {name}={value}" for name, value in settings.items()),
    }


def end_sessions(site: Site) -> list[dict[str, Any]]:
    """End what is left of this run on the server, and wait until it is gone; return what it was."""
    with connect(site.store, site.database, run=site.run, step="end") as connection:
        return end_orphans(connection, site.run.id)


def read_report(outcome: Outcome) -> Report:
    """The runner's answer, in the last line of what was said."""
    line = outcome.said.rpartition(alembic_runner.MARK)[2] if outcome.said else ""
    try:
        answer = json.loads(line)
        return Report(
            outcome,
            int(answer["commits"]),
            str(answer["error"]),
            str(answer.get("sqlstate") or ""),
            str(answer.get("at") or ""),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return Report(outcome)
