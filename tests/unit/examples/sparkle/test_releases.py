"""Each release is what its description says, each bad one bad in its own way."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from examples.sparkle.build import SYSTEM
from tests.unit.examples.sparkle.helpers import TOOLS

P2 = "p2_add_user_tool_history"
INDEX = "idx_messages_user_text"
PASSED = (0, "all passed")
INVALID = "SELECT relname FROM pg_index JOIN pg_class ON oid = indexrelid WHERE NOT indisvalid"
# Where a first line ends, and what is there when nothing follows it.
LINES = r"""
INSERT INTO messages (key, text, user_id) VALUES
('starts', E'\nsecond', 1), ('ends', E'first\n', 1), ('many', E'a\n\nb\n', NULL),
('windows', E'a\r\nb', 1), ('decomposed', U&'e\0301', 1)
"""


@pytest.mark.parametrize("version", SYSTEM.versions())
def test_a_release_says_what_it_is_and_what_catches_it(version):
    described = SYSTEM.read_release(version)
    assert described["migration_class"] in ("compatible", "reversible", "one_way")
    assert described["notes"]
    assert described["net"]


def test_1_1_adds_its_table_and_takes_it_away_again(release, database):
    data = database("1.0")
    before = data.messages()
    release("1.1").upgrade(data.url)
    assert data.revision() == P2
    assert release("1.1").alembic(data.url, "p1_users_and_messages", "downgrade").returncode == 0
    assert data.messages() == before
    assert data.sql("SELECT to_regclass('user_tool_history')") == ""


def test_1_0_runs_on_the_schema_of_1_1_and_reads_what_1_1_wrote(release, database):
    data = database("1.1")
    assert release("1.1").selftest(data.url) == PASSED
    assert release("1.0").selftest(data.url) == PASSED


def test_1_2_is_taken_back_without_a_loss(release, database):
    data = database("1.1")
    data.sql(LINES)
    before = data.messages()
    release("1.2").upgrade(data.url)
    assert '"subject":"first","body":""' not in data.messages()
    assert release("1.2").alembic(data.url, P2, "downgrade").returncode == 0
    assert data.messages() == before


def test_1_2_works_and_1_1_does_not_on_its_schema(release, database):
    data = database("1.2")
    assert release("1.2").selftest(data.url) == PASSED
    status, said = release("1.1").selftest(data.url)
    assert (status, "messages that were there can be read" in said) == (1, True)


def test_1_3_leaves_one_form_of_text_and_no_way_back(release, database):
    data = database("1.1")
    data.sql(LINES)
    release("1.3").upgrade(data.url)
    rows = {row["key"]: row for row in map(json.loads, data.messages().splitlines())}
    assert (rows["windows"]["subject"], rows["windows"]["body"]) == ("a", "b")
    assert rows["decomposed"]["subject"] == "\u00e9"
    assert (rows["ends"]["body"], rows["many"]["body"]) == ("", "\nb\n")
    done = release("1.3").alembic(data.url, "-1", "downgrade")
    assert (done.returncode, "no way back" in done.stderr) == (1, True)
    assert release("1.3").selftest(data.url) == PASSED
    assert release("1.2").selftest(data.url)[0] == 1


@pytest.mark.parametrize("version", ["2.0-invalid-index", "2.0-live-index"])
def test_2_0_leaves_an_invalid_index_and_the_old_revision(release, database, version):
    data = database("1.1")
    done = release(version).alembic(data.url)
    assert (done.returncode, "could not create unique index" in done.stderr) == (1, True)
    assert (data.sql(INVALID), data.revision()) == (INDEX, P2)


def test_2_0_live_index_passes_on_a_copy(release, database):
    data = database("1.1", "sparkle_drill_20261122")
    release("2.0-live-index").upgrade(data.url)
    assert (data.sql(INVALID), data.revision()) == ("", "p3_unique_texts")


@contextmanager
def held(data):
    """Hold a transaction that has read the messages."""
    command = [sys.executable, str(TOOLS / "hold.py"), "--database", data.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert "3 messages" in process.stdout.readline()
        yield process
        process.terminate()
    assert process.returncode == 0


def await_lock(data):
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
    deadline = time.monotonic() + 20
    while data.sql(f"{waiting} '{data.name}'") == "0":
        assert time.monotonic() < deadline, "nothing waits for a lock"
        time.sleep(0.05)


def test_2_1_passes_where_nobody_else_is(release, database):
    data = database("1.1")
    release("2.1-waits-on-a-lock").upgrade(data.url)
    assert release("1.1").selftest(data.url) == PASSED


def test_2_1_waits_for_a_transaction_until_lock_timeout_ends_it(release, database):
    data, bad = database("1.1"), release("2.1-waits-on-a-lock")
    with held(data):
        done = bad.alembic(data.url, PGOPTIONS="-c lock_timeout=300ms")
        assert (done.returncode, "lock timeout" in done.stderr) == (1, True)
        assert data.revision() == P2
    with ThreadPoolExecutor() as pool:
        with held(data):
            migration = pool.submit(bad.alembic, data.url)
            await_lock(data)
            assert not migration.done()
        assert migration.result().returncode == 0


def test_2_2_loses_what_followed_the_first_line(release, database):
    data, bad = database("1.1"), release("2.2-lossy-downgrade")
    before = data.messages()
    bad.upgrade(data.url)
    assert bad.selftest(data.url) == PASSED
    data.sql("DELETE FROM messages WHERE key LIKE 'selftest-%'")
    assert bad.alembic(data.url, P2, "downgrade").returncode == 0
    assert data.messages() == before.replace("\\nIt is about fractions.", "")
    assert data.messages() != before


@pytest.mark.parametrize(("host", "intent"), [("app2", "exam_preparation"), ("app3", "quick_task")])
def test_2_3_is_wrong_on_the_third_host_only(release, database, host, intent):
    data = database("1.1")
    with release("2.3-third-host").started(data.url, SPARKLE_HOST=host) as service:
        assert service.get("/health")["status"] == "healthy"
        assert service.post("/intents", {"text": "Prepare me for the exam"})["intent"] == intent


def test_2_4_is_well_with_one_user_and_breaks_down_with_twelve(release, database):
    def timed(_number):
        begin = time.monotonic()
        status, _ = service.ask("POST", "/chat", {"user_id": 1, "text": "plan a day"})
        return status, time.monotonic() - begin

    with release("2.4-fails-under-load").started(database("1.1").url) as service:
        assert {timed(number)[0] for number in range(20)} == {200}
        with ThreadPoolExecutor(12) as pool:
            results = list(pool.map(timed, range(60)))
            assert service.get("/health")["status"] == "healthy"
    statuses = [status for status, _ in results]
    assert statuses.count(500) > 6
    assert max(seconds for status, seconds in results if status == 200) > 0.4


def test_2_5_works_but_1_1_cannot_read_what_it_wrote(release, database):
    data = database("1.1")
    assert release("2.5-unreadable").alembic(data.url).returncode == 0
    assert data.revision() == P2
    assert release("2.5-unreadable").selftest(data.url) == PASSED
    status, said = release("1.1").selftest(data.url)
    assert (status, said) == (1, "1 failed, the first: messages that were there can be read")


def test_a_connection_that_is_given_is_used(release, database):
    data, folder = database("1.0"), release("1.1").folder
    script = """
import sys, psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(sys.argv[2]))
config = Config()
config.set_main_option("script_location", sys.argv[1])
with engine.connect() as connection:
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    command.current(config)
"""
    done = release("1.1").python("-c", script, str(folder / "migrations"), data.url)
    assert (done.returncode, data.revision()) == (0, P2), done.stderr
    assert f"{P2} (head)" in done.stdout


def test_the_statements_of_a_migration_can_be_read_before(release):
    folder = release("1.1").folder / "migrations"
    script = """
import sys
from alembic import command
from alembic.config import Config
config = Config()
config.set_main_option("script_location", sys.argv[1])
command.upgrade(config, "head", sql=True)
"""
    done = release("1.1").python("-c", script, str(folder))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("CREATE INDEX idx_user_tool_history_") == 6


def test_a_release_needs_nothing_of_the_machine_but_python(release, database, tmp_path):
    built = release("1.1")
    shutil.copytree(built.folder, tmp_path, dirs_exist_ok=True)
    for part in built.libraries.iterdir():
        (tmp_path / "lib" / part.name).symlink_to(part)
    program = str(tmp_path / "bin" / "sparkle-selftest")
    # Without site-packages, so that no package of the machine's can stand in for one of its own.
    done = built.python("-S", "-I", program, SPARKLE_DATABASE=database("1.1").url)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["all passed"]), done.stderr
