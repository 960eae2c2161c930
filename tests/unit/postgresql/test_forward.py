"""What is recorded and frozen before a migration, and the verdict after it, class by class."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from stagegate.errors import StagegateError, StepFailed
from tests.unit.postgresql.helpers import (
    ADDED,
    OPEN_AS_BEFORE,
    OWNER,
    READER,
    Site,
    build_twice,
    connects,
    opened,
)

CLASSES = ("compatible", "reversible", "one_way")


def test_a_compatible_migration_meets_its_users(site: Site) -> None:
    site.rehearse()
    with opened(site) as user:
        state = site.do("stage")["state"]
        site.sql(ADDED)
        user.execute("INSERT INTO users (name) VALUES ('meanwhile')")
        user.execute("DELETE FROM pairs WHERE a > 5")
        site.do("seal")
        site.do("activate")
        assert user.execute("SELECT 1").fetchone() == (1,)
    assert state["rows"] == {"history": 100, "metrics": 4, "pairs": 10, "users": 100}
    assert state["frozen"] is None
    assert state["restore_point"] is None, "this server archives nothing"
    kept = json.loads((site.evidence / "schema-old.json").read_text())
    assert kept["index history_user"].startswith("CREATE INDEX history_user")


LIVE = [
    ("SELECT 1", r"otherwise than in the rehearsal: column history.note \(as before\)"),
    (f"{ADDED}; DROP INDEX history_user", "the index history_user is missing"),
    ("CREATE INDEX history_user ON history (user_id); DROP VIEW recent", r"view recent \(gone\)"),
    ("DELETE FROM history", "history shrank from 100 to 0 rows .allowed: 10 fewer"),
    ("DROP TABLE pairs", "the table pairs is gone with 10 rows"),
]
"""What a migration leaves, each after the one before, and how the verdict tells it."""


def test_a_live_database_that_became_something_else_is_told(site: Site) -> None:
    site.options = {"expect": {"indexes": ["history_user"]}}
    site.rehearse()
    site.do("stage")
    for sql, words in LIVE:
        site.sql(sql)
        with pytest.raises(StepFailed, match=words):
            site.do("seal")
    assert site.kinds("seal:history") == ["intent", "failed"] * len(LIVE)


def test_an_invalid_index_of_this_run_is_dropped_and_told(site: Site) -> None:
    site.do("backup")
    site.do("stage")
    build_twice(site)
    with pytest.raises(StepFailed, match=r"twice is invalid.*dropped the invalid index twice"):
        site.do("seal")
    assert site.sql("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == "0"


def test_one_that_cannot_be_dropped_yet_is_told_too(site: Site) -> None:
    site.do("backup")
    site.do("stage")
    build_twice(site)
    with opened(site) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM metrics")
        with pytest.raises(StepFailed, match="the invalid index twice stays: its table is locked"):
            site.do("seal")


@pytest.mark.parametrize("migration_class", ["reversible", "one_way"])
def test_a_freeze_ends_whoever_is_there(site: Site, migration_class: str) -> None:
    site.migration_class = migration_class
    site.do("backup")
    with opened(site, name="worker") as worker, opened(site, user=READER) as idle:
        idle.execute("BEGIN")
        idle.execute("SELECT * FROM users LIMIT 1")
        result = site.do("stage")
        for session in (worker, idle):
            with pytest.raises(psycopg.OperationalError):
                session.execute("SELECT 1")
    ended = result["evidence"]["ended"]
    assert sorted(session["role"] for session in ended) == [OWNER, READER]
    assert "worker" in {session["application_name"] for session in ended}
    assert not connects(site, READER)
    assert connects(site, OWNER, site.target), "who migrates may"
    assert connects(site, OWNER) is (migration_class == "reversible")
    assert result["state"]["limit"] == 17
    frozen = site.backup.with_name("history.frozen")
    assert sorted(p.name for p in frozen.iterdir()) == ["manifest.json", "sparkle.dump"]
    site.sql(ADDED, site.target)
    site.do("seal")
    assert not connects(site, OWNER, site.target), "nothing changes any more"


def test_a_prepared_transaction_stops_the_freeze_and_is_named(site: Site) -> None:
    site.migration_class = "reversible"
    site.do("backup")
    site.sql("BEGIN; INSERT INTO metrics VALUES ('x', 1); PREPARE TRANSACTION 'open'")
    try:
        with pytest.raises(
            StepFailed, match="does not become free: prepared transactions are open: open"
        ):
            site.do("stage")
        site.do("restore")
        assert site.limit() == 17
    finally:
        site.sql("ROLLBACK PREPARED 'open'")


@pytest.mark.parametrize("migration_class", ["reversible", "one_way"])
def test_frozen_data_are_judged_to_the_last_row(site: Site, migration_class: str) -> None:
    site.migration_class = migration_class
    site.migrate("UPDATE history SET tool = 'other' WHERE id = 42")
    with pytest.raises(StepFailed, match=r"1 row changed in history .*first keys: 42"):
        site.do("seal")
    assert site.beside("check") not in site.databases()


def again(site: Site, action: str) -> dict[str, Any]:
    site.do(action)
    state: dict[str, Any] = site.do(action)["state"]
    return state


@pytest.mark.parametrize("migration_class", CLASSES)
def test_the_whole_way_with_every_step_twice_opens_what_was_open(
    site: Site, migration_class: str
) -> None:
    site.migration_class = migration_class
    before = site.admin(OPEN_AS_BEFORE)
    site.rehearse()
    again(site, "stage")
    site.sql(ADDED, site.target)
    if migration_class != "one_way":
        assert site.do("stage")["state"]["created"] is False
        recorded = json.loads((site.evidence / "schema-old.json").read_text())
        assert "column history.note" not in recorded, "what was before the migration stays recorded"
    again(site, "seal")
    again(site, "activate")
    site.sql("INSERT INTO users (name) VALUES ('late')")
    for action in ("stage", "seal", "activate"):
        site.do(action)
    assert site.admin(OPEN_AS_BEFORE) == before
    assert connects(site, READER)
    assert site.sql("SELECT count(note) FROM history") == "100"
    assert site.sql("SELECT count(*) FROM users") == "101"
    kept = {site.beside("old")} if migration_class == "one_way" else set()
    assert site.databases() == {"sparkle", *kept}


def test_whoever_owns_the_database_the_owner_of_the_schema_migrates_it(site: Site) -> None:
    site.migration_class = "reversible"
    site.admin("ALTER DATABASE sparkle OWNER TO postgres; COMMENT ON DATABASE sparkle IS 'x'")
    before = site.admin(OPEN_AS_BEFORE)
    site.migrate()
    site.do("seal")
    site.do("activate")
    assert site.admin(OPEN_AS_BEFORE) == before


@pytest.mark.parametrize("migration_class", ["compatible", "one_way"])
def test_a_later_run_goes_forward_from_a_database_that_was_left_closed(
    site: Site, migration_class: str
) -> None:
    before = site.admin(OPEN_AS_BEFORE)
    site.migration_class = "reversible"
    site.migrate()
    assert not connects(site, READER), "held for a person"
    later = replace(site, run_id="20261123T073000Z-cd34", migration_class=migration_class)
    assert later.do("probe")["evidence"]["closed_by"] == site.run_id
    later.deploy("CREATE INDEX more ON history (note)")
    assert site.admin(OPEN_AS_BEFORE) == before
    assert connects(site, READER)


def test_a_generation_is_copied_anew_until_it_was_judged(site: Site) -> None:
    site.migration_class = "one_way"
    site.migrate("DROP TABLE pairs")
    site.migrate(ADDED)
    site.do("seal")
    assert site.sql("SELECT count(*) FROM pairs", site.target, site.cluster.admin) == "10"


def opened_by_hand(site: Site) -> None:
    site.admin("ALTER DATABASE sparkle RESET stagegate.closed")


def dropped_by_hand(site: Site) -> None:
    site.admin("DROP DATABASE sparkle WITH (FORCE)")


@pytest.mark.parametrize(
    ("meddle", "words"),
    [
        (opened_by_hand, "was opened since this run froze it"),
        (dropped_by_hand, "there is no database sparkle"),
    ],
)
def test_meddling_is_noticed(site: Site, meddle: Callable[[Site], None], words: str) -> None:
    site.migration_class = "reversible"
    site.do("backup")
    site.do("stage")
    meddle(site)
    with pytest.raises(StagegateError, match=words):
        site.do("stage")


def test_a_database_that_appears_after_the_backup_is_not_taken_for_ours(empty: Site) -> None:
    empty.do("backup")
    empty.admin(f"CREATE DATABASE sparkle OWNER {OWNER}")
    with pytest.raises(StepFailed, match="was made by somebody else since the backup"):
        empty.do("stage")


@pytest.mark.parametrize("migration_class", ["compatible", "one_way"])
def test_a_first_install(empty: Site, migration_class: str) -> None:
    empty.migration_class = migration_class
    empty.deploy("CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1)")
    assert empty.sql("SELECT count(*) FROM users") == "1"
    assert empty.databases() == {"sparkle"}
    assert empty.limit() == -1


def test_a_restore_point_is_written_where_the_wal_is_archived(archived: Site) -> None:
    archived.do("backup")
    point = archived.do("stage")["state"]["restore_point"]
    assert point["name"] == "stagegate-20261122T073000Z-ab12"
    assert "/" in point["lsn"]


def test_check_mode_changes_nothing(site: Site) -> None:
    site.migration_class = "one_way"
    for action in ("backup", "compare", "stage", "seal", "activate", "restore", "prune"):
        result = site.do(action, check_mode=True)
        assert result["changed"] is (action in ("backup", "stage", "activate", "restore"))
    assert site.databases() == {"sparkle"}
    assert not (site.state / "ledger.jsonl").exists()
