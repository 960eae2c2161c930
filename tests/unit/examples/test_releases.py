"""Each release is what its description says, each bad one bad in its own way."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from contextlib import closing

import pytest

from examples.abathur.build import SYSTEM
from tests.unit.examples.conftest import run_tool, selftest, started
from tests.unit.examples.test_schema import EXPECTED

LIVED_IN = """
INSERT INTO sessions (id, app_name, user_id, events)
VALUES ('used', 'test', 'alice', '[{"timestamp": "2026-01-01T00:00:00.000000Z"}]');
INSERT INTO sessions (id, app_name, user_id) VALUES ('unused', 'test', 'alice');
INSERT INTO tasks (id, prompt, session_id) VALUES ('t1', 'p', 'used'), ('t2', 'p', 'unused');
INSERT INTO memory_entries (namespace, key, value, memory_type, version)
VALUES ('user:alice', 'k', '{"step": 1}', 'semantic', 1), ('user:alice', 'k', '2', 'semantic', 2);
INSERT INTO audit (task_id, action_type, memory_entry_id)
SELECT 't1', 'memory_create', id FROM memory_entries WHERE namespace = 'user:alice';
"""


@pytest.fixture
def lived_in(migrated):
    """Return a database of a good release with rows in it."""

    def make(version):
        path = migrated(version)
        with closing(sqlite3.connect(path)) as database:
            database.executescript(LIVED_IN)
        return path

    return make


def ask(path, query):
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def contents(path):
    return {table: ask(path, f"SELECT * FROM {table}") for table in EXPECTED["tables"]}


def migrate(release, database):
    return run_tool("migrate", "--release", release, "--database", database)


def structure(path):
    """Return what a structural check sees: soundness, references, named tables and indexes."""
    found = {row[0] for row in ask(path, "SELECT name FROM sqlite_schema")}
    return (
        ask(path, "PRAGMA integrity_check"),
        ask(path, "PRAGMA foreign_key_check"),
        {*EXPECTED["tables"], *EXPECTED["indexes"]} - found,
    )


SOUND = ([("ok",)], [], set())


@pytest.mark.parametrize("version", SYSTEM.versions())
def test_a_release_says_what_catches_it(version):
    release = SYSTEM.read_release(version)
    assert release["migration_class"] in ("compatible", "one_way")
    assert release["description"]
    assert release["net"]


def test_1_1_fills_in_the_time_of_the_last_event(unpacked, lived_in):
    path = lived_in("1.0")
    assert migrate(unpacked("1.1"), path).returncode == 0
    assert ask(path, "SELECT id, priority, last_event_at FROM sessions ORDER BY id") == [
        ("example-session", 5, None),
        ("unused", 5, None),
        ("used", 5, "2026-01-01T00:00:00.000000Z"),
    ]


def test_1_1_can_be_taken_back_to_the_schema_of_1_0(unpacked, lived_in):
    path = lived_in("1.0")
    query = "SELECT * FROM sessions ORDER BY id"
    before = ask(path, query)
    migrate(unpacked("1.1"), path)
    options = ("--release", unpacked("1.1"), "--database", path)
    done = run_tool("migrate", *options, "--back-to", "0005.seed-data")
    assert done.returncode == 0, done.stderr
    assert ask(path, query) == before


def test_1_0_and_1_1_both_work_on_the_schema_of_1_1_and_leave_it_as_it_was(unpacked, lived_in):
    path = lived_in("1.1")
    rows = contents(path)
    for version in ("1.1", "1.0"):
        done = selftest(unpacked(version), path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "all passed" in done.stdout
    assert contents(path) == rows


def test_1_2_works_but_1_1_cannot_read_what_it_leaves(unpacked, lived_in):
    path = lived_in("1.1")
    assert migrate(unpacked("1.2-one-way"), path).returncode == 0
    assert selftest(unpacked("1.2-one-way"), path).returncode == 0
    old = selftest(unpacked("1.1"), path)
    assert old.returncode == 1
    assert "FAIL the lifecycle policies can be read" in old.stdout


def test_2_0_leaves_half_of_its_migration_behind(unpacked, lived_in):
    path = lived_in("1.1")
    done = migrate(unpacked("2.0-fails-midway"), path)
    assert done.returncode != 0
    assert "NOT NULL" in done.stderr
    assert ask(path, "SELECT count(*) > 0 FROM memory_tags") == [(1,)]
    applied = ask(path, "SELECT migration_id FROM _yoyo_migration ORDER BY 1 DESC LIMIT 1")
    assert applied == [("0101.session-priority",)]


def test_2_1_loses_rows_and_no_structural_check_sees_it(unpacked, lived_in):
    path = lived_in("1.1")
    assert migrate(unpacked("2.1-loses-rows"), path).returncode == 0
    assert structure(path) == SOUND
    assert ask(path, "SELECT id FROM sessions") == [("used",)]
    assert ask(path, "SELECT version FROM memory_entries WHERE namespace = 'user:alice'") == [(2,)]
    assert selftest(unpacked("2.1-loses-rows"), path).returncode == 0


def test_2_1_loses_a_row_even_on_the_first_day(unpacked, migrated):
    path = migrated("1.1")
    migrate(unpacked("2.1-loses-rows"), path)
    assert ask(path, "SELECT count(*) FROM sessions") == [(0,)]


def test_2_2_works_and_breaks_1_1(unpacked, lived_in):
    path = lived_in("1.1")
    assert migrate(unpacked("2.2-breaks-old"), path).returncode == 0
    assert selftest(unpacked("2.2-breaks-old"), path).returncode == 0
    old = selftest(unpacked("1.1"), path)
    assert old.returncode == 1
    assert "FAIL sessions that were there can be read" in old.stdout


def test_2_3_is_healthy_and_dies_with_status_1(unpacked, migrated):
    path = migrated("1.1")
    with started(unpacked("2.3-dies"), path) as service:
        begin = time.monotonic()
        assert service.get("/health")[1]["version"] == "2.3-dies"
        assert service.process.wait(15) == 1
        assert time.monotonic() - begin > 2


def test_2_4_holds_one_request_in_twenty_back(unpacked, lived_in):
    path = lived_in("1.1")
    assert migrate(unpacked("2.4-slow"), path).returncode == 0
    assert "queue" in [row[1] for row in ask(path, "PRAGMA table_info(tasks)")]
    with started(unpacked("2.4-slow"), path) as service:
        times = {}
        for target in ("/sessions/used", "/health"):
            times[target] = []
            for _ in range(60):
                begin = time.perf_counter()
                assert service.get(target)[0] == 200
                times[target].append(time.perf_counter() - begin)
    assert sum(seconds > 0.25 for seconds in times["/sessions/used"]) == 3
    assert sum(seconds > 0.25 for seconds in times["/health"]) == 0
    assert selftest(unpacked("1.1"), path).returncode == 0


def test_2_5_tells_the_version_of_1_1(unpacked, migrated):
    release = unpacked("2.5-lies")
    assert json.loads((release / "manifest.json").read_text())["version"] == "2.5-lies"
    with started(release, migrated("1.1")) as service:
        assert service.get("/health")[1]["version"] == "1.1"


def test_2_6_has_33_indexes_of_which_one_is_the_wrong_one(unpacked, lived_in):
    path = lived_in("1.1")
    assert migrate(unpacked("2.6-wrong-index"), path).returncode == 0
    assert structure(path) == ([("ok",)], [], {"idx_memory_conflict_detection"})
    count = "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name LIKE 'idx_%'"
    assert ask(path, count) == [(33,)]


def test_a_service_stays_with_the_generation_that_it_started_on(unpacked, lived_in, tmp_path):
    first, second = tmp_path / "gen-1", tmp_path / "gen-2"
    for generation in (first, second):
        generation.mkdir()
        shutil.copy(lived_in("1.0"), generation / "abathur.db")
    link = tmp_path / "current"
    link.symlink_to(first)
    body = {"app_name": "test", "user_id": "test"}
    with started(unpacked("1.0"), link / "abathur.db") as service:
        link.unlink()
        link.symlink_to(second)
        for number in range(30):  # more than the pool had open at the start
            assert service.ask("POST", "/sessions", {**body, "id": f"s{number}"})[0] == 201
    count = "SELECT count(*) FROM sessions WHERE app_name = 'test' AND user_id = 'test'"
    assert ask(first / "abathur.db", count) == [(30,)]
    assert ask(second / "abathur.db", count) == [(0,)]
