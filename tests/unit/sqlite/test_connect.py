"""A deadline holds for whatever a connection does, one statement or many."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from stagegate.errors import StepFailed
from stagegate.sqlite.connect import OWN, opened

LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000000) "


@pytest.fixture
def database(tmp_path: Path) -> Path:
    place = tmp_path / "some.db"
    place.touch()
    return place


def work_late(connection: sqlite3.Connection) -> None:
    """Do something else until the deadline is over, then begin a statement."""
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        pass
    connection.execute(f"{LONG} SELECT count(*) FROM n").fetchall()


def test_a_statement_that_runs_past_the_deadline_is_interrupted(database: Path) -> None:
    with (
        pytest.raises(StepFailed, match="not finished within its deadline"),
        opened(database, OWN, seconds=0.05) as connection,
    ):
        connection.execute(f"{LONG} SELECT count(*) FROM n").fetchall()


def test_a_statement_that_begins_after_the_deadline_is_interrupted_too(database: Path) -> None:
    """The deadline came between two statements, when there was nothing to interrupt."""
    with (
        pytest.raises(StepFailed, match="not finished within its deadline"),
        opened(database, OWN, seconds=0.01) as connection,
    ):
        work_late(connection)


def test_nothing_is_interrupted_before_the_deadline(database: Path) -> None:
    with opened(database, OWN, seconds=60) as connection:
        assert connection.execute(f"{LONG} SELECT count(*) FROM n").fetchone() == (5000000,)
