"""The schema's and the rows' digests tell every difference, and no other."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stagegate.sqlite.fingerprint import table_digests
from stagegate.sqlite.schema import read_schema
from tests.unit.sqlite.helpers import fill


def bookkeeping(name: str) -> bool:
    return name.startswith("_yoyo")


def digests(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        found = table_digests(connection, read_schema(connection, bookkeeping))
    return {name: f"{table['rows']}:{table['sha256']}" for name, table in found.items()}


def schema_digest(*statements: str) -> str:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in statements:
            connection.execute(statement)
        return read_schema(connection, bookkeeping).fingerprint


def rows_digest(table: str, *values: tuple[object, ...]) -> str:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE t ({table})")
        marks = ", ".join("?" for _ in values[0])
        connection.executemany(f"INSERT INTO t VALUES ({marks})", values)
        return str(table_digests(connection, read_schema(connection, bookkeeping))["t"]["sha256"])


@pytest.mark.parametrize(
    "other",
    [
        "CREATE TABLE  t(a   INT, -- a remark\n b TEXT DEFAULT 'x  y')",
        "CREATE TABLE t(a INT,/* another */b TEXT DEFAULT 'x  y')",
    ],
)
def test_spacing_and_remarks_are_no_schema(other: str) -> None:
    usual = "CREATE TABLE t(a INT, b TEXT DEFAULT 'x  y')"
    assert schema_digest(other) == schema_digest(usual)


@pytest.mark.parametrize(
    "other",
    [
        ["CREATE TABLE t(a INT, b TEXT DEFAULT 'x y')"],
        ["CREATE TABLE t(a INT, b TEXT DEFAULT 'x  Y')"],
        ["CREATE TABLE t(a INT)"],
        ["CREATE TABLE u(a INT, b TEXT DEFAULT 'x  y')"],
        ["CREATE TABLE t(a INT, b TEXT DEFAULT 'x  y')", "CREATE INDEX i ON t(a)"],
        ["CREATE TABLE t(a INT, b TEXT DEFAULT 'x  y')", "CREATE VIEW v AS SELECT a FROM t"],
        [
            "CREATE TABLE t(a INT, b TEXT DEFAULT 'x  y')",
            "CREATE TRIGGER g AFTER DELETE ON t BEGIN SELECT 1; END",
        ],
    ],
)
def test_every_definition_counts(other: list[str]) -> None:
    assert schema_digest(*other) != schema_digest("CREATE TABLE t(a INT, b TEXT DEFAULT 'x  y')")


def test_the_order_of_definitions_and_bookkeeping_do_not_count() -> None:
    one, two = "CREATE TABLE a(x)", "CREATE TABLE b(y)"
    assert schema_digest(one, two) == schema_digest(two, one, "CREATE TABLE _yoyo_log(z)")


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ((1, "1"), (1, 1)),
        ((1, 1.0), (1, 1)),
        ((1, "a"), (1, b"a")),
        ((1, None), (1, "")),
        ((1, "ab"), (1, "a\0b")),
        ((1, 9007199254740993), (1, 9007199254740992)),
        ((1, 0.1 + 0.2), (1, 0.3)),
        ((1, "x"), (2, "x")),
        ((1, float("inf")), (1, float("-inf"))),
    ],
)
def test_every_value_counts_with_its_type(one: tuple[object, ...], two: tuple[object, ...]) -> None:
    table = "id INTEGER PRIMARY KEY, v"
    assert rows_digest(table, one) != rows_digest(table, two)
    assert rows_digest(table, one) == rows_digest(table, one)


def test_values_do_not_run_into_each_other() -> None:
    assert rows_digest("a, b", ("ab", "c")) != rows_digest("a, b", ("a", "bc"))
    assert rows_digest("a", ("x",), ("y",)) != rows_digest("a", ("y",), ("x",)), "row ids differ"


def test_the_row_id_belongs_to_a_row_without_another_name() -> None:
    found = set()
    for rowid in (1, 2):
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("CREATE TABLE t (k TEXT PRIMARY KEY)")
            connection.execute("INSERT INTO t(rowid, k) VALUES (?, 'a')", (rowid,))
            schema = read_schema(connection, bookkeeping)
            found.add(table_digests(connection, schema)["t"]["sha256"])
    assert len(found) == 2


def test_the_order_of_insertion_does_not_count_where_a_key_says_the_order() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (k TEXT PRIMARY KEY, v) WITHOUT ROWID")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [("b", 2), ("a", 1)])
        one = table_digests(connection, read_schema(connection, bookkeeping))
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (k TEXT PRIMARY KEY, v) WITHOUT ROWID")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [("a", 1), ("b", 2)])
        two = table_digests(connection, read_schema(connection, bookkeeping))
    assert one == two


def test_text_that_is_no_utf8_is_digested_by_its_bytes() -> None:
    found = set()
    for raw in ("x'ff41'", "x'fe41'", "x'41'"):
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("CREATE TABLE t (v)")
            connection.execute(f"INSERT INTO t VALUES (CAST({raw} AS TEXT)), ('plain')")
            digest = table_digests(connection, read_schema(connection, bookkeeping))["t"]
            assert digest["rows"] == 2
            found.add(digest["sha256"])
    assert len(found) == 3


def test_compacting_keeps_every_digest_of_a_keyed_table(tmp_path: Path) -> None:
    place = tmp_path / "a.db"
    fill(place, 500, "delete")
    with closing(sqlite3.connect(place, isolation_level=None)) as connection:
        connection.execute("DELETE FROM entries WHERE id % 3 = 0")
        before = digests(place)
        connection.execute("VACUUM")
    assert digests(place) == before
    assert set(before) == {"entries", "metrics", "sessions", "state"}
