"""A query gives one number in time, from a file that is only read, or its gate is unknown."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from stagegate.gates.verdict import Result
from tests.unit.gates.helpers import ask, gate, make_database, spec_of

COUNT = "SELECT count(*) FROM t"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT count(*) FROM n"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    script = "PRAGMA journal_mode = wal; CREATE TABLE t (i); INSERT INTO t VALUES (1), (2), (3);"
    return make_database(tmp_path / "odd name?#%20.db", script)


def judged(path: Path, query: str, **more: Any) -> Result:
    source = {"kind": "sql", "path": str(path), "query": query, "deadline": 0.5}
    source.update(more.pop("source", {}))
    raw = gate(source, samples=None, **(more or {"limit": 5}))
    return ask(spec_of(raw))[0]


@pytest.mark.parametrize(("rule", "verdict"), [({"equals": 3}, "green"), ({"equals": 4}, "red")])
def test_a_number_is_judged(database: Path, rule: dict[str, Any], verdict: str) -> None:
    assert judged(database, COUNT, **rule).verdict == verdict


def test_parameters_are_bound(database: Path) -> None:
    query = "SELECT count(*) FROM t WHERE i IN (SELECT value FROM json_each(:wanted))"
    source = {"parameters": {"wanted": "[1, 2, 9]"}}
    assert judged(database, query, equals=2, source=source).verdict == "green"
    hostile = {"parameters": {"wanted": "'); DROP TABLE t; --"}}
    assert judged(database, query, equals=2, source=hostile).verdict == "unknown"
    assert judged(database, COUNT, equals=3).verdict == "green"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT i FROM t WHERE i > 9",
        "SELECT i FROM t",
        "SELECT i, i FROM t LIMIT 1",
        "SELECT NULL",
        "SELECT 'three'",
        "SELECT x'03'",
        "SELECT 9e999",
        "SELECT -9e999",
        "SELECT -1",
        "SELECT i FROM nothing",
        "nonsense",
        "SELECT 1; SELECT 2",
        "",
        "DELETE FROM t",
        "DELETE FROM t RETURNING 1",
        ENDLESS,
    ],
)
def test_what_gives_no_single_finite_number_is_unknown(database: Path, query: str) -> None:
    before = database.read_bytes()
    assert judged(database, query or "--").verdict == "unknown"
    assert database.read_bytes() == before


def test_a_query_is_interrupted_at_its_deadline(database: Path) -> None:
    began = time.monotonic()
    result = judged(database, ENDLESS)
    assert time.monotonic() - began < 3
    assert "no answer within 0.5 s" in result.reason


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    missing = tmp_path / "missing.db"
    result = judged(missing, "SELECT 1")
    assert result.verdict == "unknown"
    assert not missing.exists()


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be one" * 50])
def test_a_file_that_is_no_database_is_unknown(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.db"
    path.write_bytes(content)
    assert judged(path, COUNT).verdict == "unknown"


def test_an_empty_file_has_no_tables(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    assert judged(path, COUNT).verdict == "unknown"


def test_a_locked_database_is_unknown_after_the_deadline(tmp_path: Path) -> None:
    path = make_database(tmp_path / "locked.db", "CREATE TABLE t (i);")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        assert judged(path, COUNT).verdict == "unknown"


@pytest.mark.parametrize("query", ["ATTACH '{}' AS made", "VACUUM INTO '{}'"])
def test_a_query_makes_no_other_file(database: Path, tmp_path: Path, query: str) -> None:
    made = tmp_path / "made.db"
    assert judged(database, query.format(made)).verdict == "unknown"
    assert not made.exists()


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("SELECT count(*) FROM pragma_foreign_key_check", 0),
        ("SELECT count(*) FROM sqlite_master WHERE type = 'table'", 1),
        ("PRAGMA page_count", 2),
        ("SELECT sum(i) FROM (SELECT i FROM t UNION ALL SELECT 4)", 10),
    ],
)
def test_reading_of_every_kind_is_allowed(database: Path, query: str, number: int) -> None:
    assert judged(database, query, equals=number).verdict == "green"
