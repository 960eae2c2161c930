"""Plain SQL migrations: applied to copies only, to their end or not at all, once."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yoyo

from stagegate.errors import BadInput, StepFailed
from stagegate.journal import Run, open_journal
from stagegate.ledger import read_ledger
from stagegate.migrate.sql import account, apply

STORE: dict[str, Any] = {"name": "memory", "migrations": {"directory": "migrations"}}
GOOD = {
    "0001.first.sql": "CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL);",
    "0002.second.sql": "-- depends: 0001.first\nALTER TABLE words ADD COLUMN size INTEGER;",
}


def release(place: Path, migrations: dict[str, str]) -> Path:
    """A release whose library is the one that yoyo was installed into."""
    (place / "migrations").mkdir(parents=True)
    (place / "lib").symlink_to(Path(str(yoyo.__file__)).parents[1])
    for name, text in migrations.items():
        (place / "migrations" / name).write_text(text)
    return place


def migrate(tmp_path: Path, place: Path, database: Path, deadline: float = 60.0) -> None:
    run = Run("run-1", 0, "demo", "host1", tmp_path / "state", exclusive=False)
    params = {
        "database": str(database),
        "release_path": str(place),
        "python": sys.executable,
        "deadline": deadline,
    }
    with open_journal(run) as journal:
        apply(journal, "migrate", STORE, params)


def tables(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        return {r[0] for r in connection.execute("SELECT name FROM sqlite_master")}


def test_all_pending_migrations_are_applied_and_named(tmp_path: Path) -> None:
    place, database = release(tmp_path / "1.1", GOOD), tmp_path / "copy.db"
    files = [f"migrations/{name}" for name in GOOD]
    assert account(database, files, "migrations").pending == ("0001.first", "0002.second")
    migrate(tmp_path, place, database)
    found = account(database, files, "migrations")
    assert (found.applied, found.pending) == (("0001.first", "0002.second"), ())
    last = read_ledger(tmp_path / "state/ledger.jsonl").entries[-1]
    assert last.state["applied"] == ["0001.first", "0002.second"]


def test_migrations_that_the_release_does_not_know_are_told(tmp_path: Path) -> None:
    migrate(tmp_path, release(tmp_path / "1.1", GOOD), tmp_path / "copy.db")
    older = account(tmp_path / "copy.db", ["migrations/0001.first.sql"], "migrations")
    assert older.newer == ("0002.second",)


def test_a_release_without_migrations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no migration in migrations/"):
        account(tmp_path / "none.db", ["bin/app"], "migrations")


BAD = [
    ("-- depends: 0001.first\nINSERT INTO nowhere VALUES (1);", "no such table: nowhere"),
    ("-- depends: 0001.first\nCREATE TABLE late (x); SELECT raise_it();", "raise_it"),
]


@pytest.mark.parametrize(("text", "words"), BAD)
def test_a_migration_that_dies_is_told_with_what_was_applied(
    tmp_path: Path, text: str, words: str
) -> None:
    place = release(tmp_path / "2.0", {**GOOD, "0002.second.sql": text})
    with pytest.raises(StepFailed) as caught:
        migrate(tmp_path, place, tmp_path / "copy.db")
    assert "after 0001.first of its migrations" in caught.value.what
    assert words in caught.value.what
    assert read_ledger(tmp_path / "state/ledger.jsonl").entries[-1].kind == "failed"


def test_a_migration_that_never_ends_is_killed_at_its_deadline(tmp_path: Path) -> None:
    endless = (
        "-- depends: 0001.first\n"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n;"
    )
    place = release(tmp_path / "2.0", {**GOOD, "0002.second.sql": endless})
    with pytest.raises(StepFailed, match="did not end before its deadline"):
        migrate(tmp_path, place, tmp_path / "copy.db", deadline=3.0)


def test_a_migration_that_was_passed_over_is_not_called_done(tmp_path: Path) -> None:
    """yoyo goes past a file that it cannot load, and says nothing."""
    place = release(tmp_path / "2.0", {**GOOD, "0003.third.sql": "-- depends: 0009.nowhere\n"})
    with pytest.raises(StepFailed):
        migrate(tmp_path, place, tmp_path / "copy.db")


def test_a_copy_made_anew_after_a_crash_is_migrated_anew(tmp_path: Path) -> None:
    """The ledger has the step as done, but the copy it was done on is gone."""
    place, database = release(tmp_path / "1.1", GOOD), tmp_path / "copy.db"
    migrate(tmp_path, place, database)
    database.unlink()
    sqlite3.connect(database).close()
    migrate(tmp_path, place, database)
    assert "words" in tables(database)


def test_a_sealed_generation_is_not_touched_again(tmp_path: Path) -> None:
    """A resumed run comes by here when the generation may be live already."""
    place, database = release(tmp_path / "1.1", GOOD), tmp_path / "copy.db"
    migrate(tmp_path, place, database)
    run = Run("run-1", 0, "demo", "host1", tmp_path / "state", exclusive=False)
    with open_journal(run) as journal, journal.step("migrate", "seal:memory") as step:
        step.done()
    before = database.read_bytes()
    migrate(tmp_path, place, database)
    assert database.read_bytes() == before
