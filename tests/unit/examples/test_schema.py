"""The schema is the one that the system declares: by name, and with its rules."""

from __future__ import annotations

import sqlite3

import pytest
import yaml

from tests.unit.examples.conftest import EXAMPLE

STORES = EXAMPLE.parents[1] / "systems" / "abathur" / "stores.yml"
EXPECTED = yaml.safe_load(STORES.read_text())["stores"][0]["expect"]


@pytest.fixture(params=["1.0", "1.1"])
def database(request, migrated):
    connection = sqlite3.connect(migrated(request.param), isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    yield connection
    connection.close()


def names(database, kind):
    query = "SELECT name FROM sqlite_schema WHERE type = ? AND name NOT LIKE 'sqlite_%'"
    found = {row[0] for row in database.execute(query, [kind])}
    return {name for name in found if "yoyo" not in name}


def test_there_are_exactly_the_declared_indexes(database):
    assert names(database, "index") == set(EXPECTED["indexes"])
    assert len(EXPECTED["indexes"]) == len(set(EXPECTED["indexes"])) == 33


def test_there_are_exactly_the_declared_tables(database):
    assert names(database, "table") == set(EXPECTED["tables"])
    assert len(EXPECTED["tables"]) == 11


def test_the_nine_tables_have_seven_automatic_indexes_besides(database):
    query = "SELECT tbl_name FROM sqlite_schema WHERE name LIKE 'sqlite_autoindex_%'"
    tables = [row[0] for row in database.execute(query)]
    assert len([table for table in tables if "yoyo" not in table]) == 7


def test_the_first_day_s_data_are_there(database):
    query = "SELECT namespace, key, memory_type FROM memory_entries ORDER BY id"
    assert database.execute(query).fetchall() == [
        ("app:abathur:agent_instructions", "default_workflow", "procedural"),
        ("app:abathur:config", "memory_lifecycle_policies", "procedural"),
        ("app:abathur:defaults", "user_preference_template", "semantic"),
    ]
    assert database.execute("SELECT id FROM sessions").fetchall() == [("example-session",)]


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("UPDATE sessions SET status = 'gone'", "CHECK"),
        ("UPDATE sessions SET events = '[{'", "CHECK"),
        ("UPDATE memory_entries SET memory_type = 'other'", "CHECK"),
        ("UPDATE memory_entries SET value = 'no JSON'", "CHECK"),
        ("UPDATE memory_entries SET version = 0", "CHECK"),
        ("UPDATE memory_entries SET namespace = 'a', key = 'b'", "UNIQUE"),
        ("INSERT INTO metrics (metric_name, metric_value) VALUES ('x', -1)", "CHECK"),
        ("INSERT INTO document_embeddings (embedding) VALUES (x'00')", "CHECK"),
        ("INSERT INTO tasks (id, prompt, session_id) VALUES ('t', 'p', 'none')", "FOREIGN KEY"),
        ("INSERT INTO audit (task_id, action_type) VALUES ('none', 'x')", "FOREIGN KEY"),
    ],
)
def test_the_schema_refuses(database, statement, rule):
    with pytest.raises(sqlite3.IntegrityError, match=f"^{rule}"):
        database.execute(statement)


def test_a_session_that_goes_leaves_its_tasks_without_one(database):
    database.execute(
        "INSERT INTO tasks (id, prompt, session_id) VALUES ('t', 'p', ?)", ["example-session"]
    )
    database.execute("DELETE FROM sessions")
    assert database.execute("SELECT id, session_id FROM tasks").fetchall() == [("t", None)]
