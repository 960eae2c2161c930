"""Plain SQL migrations of a release, applied to a copy of the data by the release's own yoyo.

yoyo keeps the account of what has been applied, in the database itself. It comes with the release
(no host talks to a package index) and runs as the service user, in a process of its own with a
deadline: migrations are a stranger's code.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..command import Outcome, run_command
from ..errors import BadInput, StepFailed
from ..journal import Journal
from ..rehearsal import open_to
from ..release.tree import shorten
from .staged import changed_since_staged

RUNNER = """
import sys, traceback
sys.dont_write_bytecode = True
library, migrations, database = sys.argv[1:]
sys.path.insert(0, library)
from yoyo import get_backend, read_migrations
try:
    backend = get_backend("sqlite:///" + database)
    known = read_migrations(migrations)
    backend.break_lock()
    with backend.lock():
        backend.apply_migrations(backend.to_apply(known))
except Exception as error:
    traceback.print_exc()
    while error.__context__ is not None:
        error = error.__context__
    sys.exit(f"{type(error).__name__}: {error}")
print(" ".join(migration.id for migration in known))
"""
"""yoyo's lock is a row, which a killed process leaves behind and every copy inherits; the copy is
this run's alone, under the step lock, so that no lock in it is anybody's. And where SQLite ended a
transaction itself (a full disk), yoyo fails once more on its savepoint: the first error is told.
"""


@dataclass(frozen=True)
class Pending:
    """The account of one database against one release: names of migrations, in order."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    newer: tuple[str, ...]


def names(files: Iterable[str], directory: str) -> tuple[str, ...]:
    """The migrations among a release's files, by name without the ending, in order."""
    found = [Path(f) for f in files if Path(f).parent.as_posix() == directory]
    return tuple(
        sorted(f.stem for f in found if f.suffix == ".sql" and not f.stem.endswith(".rollback"))
    )


def read_applied(database: Path) -> tuple[str, ...]:
    """What the database says was applied to it; nothing when there is no database yet."""
    query = "SELECT migration_id FROM _yoyo_migration ORDER BY 1"
    return tuple(str(row[0]) for row in read_rows(database, "_yoyo_migration", query))


def read_lock(database: Path) -> int | None:
    """The process that yoyo's lock in a database names; None when there is no lock."""
    rows = read_rows(database, "yoyo_lock", "SELECT pid FROM yoyo_lock")
    return int(rows[0][0]) if rows else None


def read_rows(database: Path, table: str, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query; none where the database, or the table it is about, does not exist."""
    if not database.exists():
        return []
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5.0)) as connection:
        there = "SELECT 1 FROM sqlite_master WHERE name = ?"
        if connection.execute(there, [table]).fetchone() is None:
            return []
        return list(connection.execute(query))


def account(database: Path, files: Iterable[str], directory: str) -> Pending:
    """Compare what was applied with what the release brings."""
    applied, known = read_applied(database), names(files, directory)
    if not known:
        raise BadInput(
            f"the release has no migration in {directory}/",
            now="nothing was changed",
            untouched="every service and all data",
            next="correct stores[].migrations.directory, or the release",
        )
    return Pending(
        applied,
        tuple(name for name in known if name not in applied),
        tuple(name for name in applied if name not in known),
    )


def apply(journal: Journal, phase: str, store: dict[str, Any], params: dict[str, Any]) -> None:
    """Apply all pending migrations to one copy of the data; raise StepFailed when one dies.

    The copy of a migration that died is not used again: the next try begins with a new one.
    """
    database = Path(str(params["database"]))
    release = Path(str(params["release_path"]))
    migrations = release / str(store["migrations"]["directory"])
    inputs = {"database": str(database), "release": str(release)}
    with journal.step(phase, f"apply:{store['name']}", inputs) as step:
        rehearsed = journal.run.scratch in database.parents
        if step.earlier is not None and not rehearsed and is_sealed(journal, store):
            step.done(state=step.earlier.state, evidence=step.earlier.evidence)
            return
        refuse_changed(journal, release)
        if rehearsed:
            open_to(str(store.get("owner") or ""), database, journal.run.scratch)
        before, lock = read_applied(database), read_lock(database)
        outcome = run_yoyo(release, migrations, database, str(store.get("owner") or ""), params)
        after = read_applied(database)
        applied = [name for name in after if name not in before]
        step.evidence({"applied": applied, "said": outcome.said[-1000:]})
        if lock is not None:
            step.evidence({"lock_removed": lock})
        if not outcome.well:
            raise StepFailed(
                f"the migration of {store['name']} to {release.name} failed on {journal.run.host} "
                f"after {', '.join(applied) or 'none'} of its migrations: {outcome.reason()}",
                now="it ran on a copy; the live data are as they were",
                untouched="the live database of every host",
                next="correct the migration and build a new release",
            )
        refuse_skipped(names(migration_files(release, migrations), migrations.name), after, release)
        step.done(state={"database": str(database), "applied": applied})


def refuse_changed(journal: Journal, release: Path) -> None:
    """Raise BadInput when a file of the release is not the one that was staged."""
    said = changed_since_staged(journal, release)
    if said:
        raise BadInput(
            f"release {release.name} on {journal.run.host} is not the one that was reviewed: "
            f"{shorten(said)}",
            now="no migration was begun by this step",
            untouched="the live database of every host",
            next="find out who changed it; remove the staged release, then deploy again",
        )


def run_yoyo(
    release: Path, migrations: Path, database: Path, user: str, params: dict[str, Any]
) -> Outcome:
    """Apply what is pending by the release's own yoyo, as the service user, within the deadline."""
    places = [str(release / "lib"), str(migrations), str(database)]
    return run_command(
        [params["python"], "-I", "-c", RUNNER, *places],
        deadline=float(params["deadline"]),
        user=user,
        cwd=str(database.parent),
    )


def is_sealed(journal: Journal, store: dict[str, Any]) -> bool:
    """True when this run's generation was judged, and may be live: a resumed run leaves it alone.

    Up to then a resumed run makes the copy anew, and what was applied to the former one is gone
    with it; the same goes for the rehearsed copy at any time.
    """
    return journal.last_done("migrate", f"seal:{store['name']}") is not None


def migration_files(release: Path, migrations: Path) -> list[str]:
    """The files of a release's migrations, by their paths in it."""
    return [path.relative_to(release).as_posix() for path in migrations.iterdir()]


def refuse_skipped(known: tuple[str, ...], applied: tuple[str, ...], release: Path) -> None:
    """Raise StepFailed for a migration that yoyo passed over: it skips what it cannot read."""
    skipped = [name for name in known if name not in applied]
    if skipped:
        raise StepFailed(
            f"release {release.name} was not migrated to its end: {', '.join(skipped)} not applied",
            now="it ran on a copy; the live data are as they were",
            untouched="the live database of every host",
            next="correct the migration and build a new release",
        )
