"""The smoke suite of sparkle passes on good releases, finds a wrong schema, and tidies up."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from xml.etree import ElementTree

import pytest

from examples.building import PROJECT

SUITE = PROJECT / "tests" / "smoke" / "sparkle"
# What a suite writes begins with its mark; what users did goes by their ids.
ROWS = {
    "users": "SELECT id, name FROM users ORDER BY id",
    "messages": "SELECT id, key, text FROM messages ORDER BY id",
    "user_tool_history": "SELECT id, user_id FROM user_tool_history ORDER BY id",
}


def contents(data):
    """Return the rows of every table that there is."""
    tables = data.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").splitlines()
    return {table: data.sql(query) for table, query in ROWS.items() if table in tables}


@contextmanager
def environment(version, release, data, cache):
    """Run a release with its cache; what the suite has to know of it."""
    given = {"SPARKLE_REDIS": cache.url, "SPARKLE_REDIS_PASSWORD_FILE": str(cache.password_file)}
    with release(version).started(data.url, **given) as running:
        place = {"STAGEGATE_URL": running.url, "STAGEGATE_GRPC": running.grpc}
        yield {**os.environ, **place, "STAGEGATE_RELEASE": version}


@pytest.fixture
def smoke(release, cache, tmp_path):
    """Run the suite, or a file of it, against a release; return each test's failure."""

    def run(version, data, file=""):
        junit = tmp_path / "junit.xml"
        given = ["-q", "-o", "addopts=", "-p", "no:cacheprovider", f"--junitxml={junit}"]
        with environment(version, release, data, cache) as there:
            subprocess.run(
                [sys.executable, "-m", "pytest", *given, str(SUITE / file)],
                env=there,
                cwd=PROJECT,
                capture_output=True,
                timeout=60,
            )
        cases = ElementTree.parse(junit).getroot().iter("testcase")
        return [
            (case.get("name"), [fault.get("message") for fault in case.findall("./*[@message]")])
            for case in cases
        ]

    return run


def failed_in(results):
    """Return what failed; how fast this machine is at the moment proves nothing about the suite."""
    timed = ("_under_", "_within_")
    return {
        name: told for name, told in results if told and not any(word in name for word in timed)
    }


@pytest.mark.parametrize(("version", "absent"), [("1.0", 30), ("1.1", 0)])
def test_forty_three_tests_pass_and_leave_nothing_behind(smoke, database, version, absent):
    data = database(version)
    before = contents(data)
    results = smoke(version, data)
    assert failed_in(results) == {}
    names = sorted(name.replace("test_absent_", "test_") for name, _ in results)
    assert [name.split("_")[1] for name in names] == [f"t{number:02}" for number in range(1, 44)]
    assert sum(name.startswith("test_absent_") for name, _ in results) == absent
    assert contents(data) == before


def test_an_index_that_is_not_as_declared_is_found_by_its_name(smoke, database):
    wrong = {"success": "(success)", "created_at": "(created_at DESC)", "user_id": "(id)"}
    data = database("1.1")
    for name, columns in wrong.items():
        index = f"idx_user_tool_history_{name}"
        data.sql(f"DROP INDEX {index}; CREATE INDEX {index} ON user_tool_history {columns}")
    failed = failed_in(smoke("1.1", data, "test_schema.py"))
    assert list(failed) == ["test_t10_it_has_exactly_the_six_indexes_by_name_and_columns"]
    told = failed.popitem()[1][0]
    assert all(f"idx_user_tool_history_{name} ON" in told for name in wrong)
    assert "idx_user_tool_history_metrics ON" not in told


def test_what_cannot_be_deleted_is_named_and_keeps_nothing_else(smoke, database):
    data = database("1.1")
    data.sql(
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER keep BEFORE DELETE ON messages FOR EACH ROW EXECUTE FUNCTION keep()"
    )
    failed = failed_in(smoke("1.1", data, "test_messages.py"))
    (told,) = failed.pop("test_t17_what_is_wrong_is_refused_and_not_kept")
    assert failed == {}
    assert "left behind" in told
    kept = data.sql("SELECT key, user_id FROM messages WHERE key LIKE 'smoke-%'").splitlines()
    assert len(kept) == 2
    assert all(line.partition("|")[0] in told for line in kept)
    # Whom a message still names stays as well; everybody else is gone.
    users = data.sql("SELECT id FROM users WHERE name LIKE 'smoke-%'").split()
    assert users == [user for line in kept if (user := line.partition("|")[2])]
