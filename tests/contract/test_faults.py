"""The fault matrix is whole, names only what exists, and its page says what was run."""

from __future__ import annotations

import json

import pytest

from tests.faults import page, results
from tests.faults.results import GREEN, RED, of_row, read_outcomes
from tests.faults.rows import LAST, Row, read_rows


@pytest.fixture(scope="module")
def rows() -> tuple[Row, ...]:
    """All rows; reading them refuses a test or scenario that is not there."""
    return read_rows()


def test_every_fault_has_its_row(rows: tuple[Row, ...]) -> None:
    assert [row.number for row in rows] == list(range(1, LAST + 1))


def test_every_row_has_a_proof_or_a_reason(rows: tuple[Row, ...]) -> None:
    assert [row.number for row in rows if not row.proofs and not row.not_injected] == []


def test_the_page_and_the_results_follow_from_what_was_run(rows: tuple[Row, ...]) -> None:
    outcomes = read_outcomes()
    assert results.PLACE.read_text() == results.text(rows, outcomes), (
        "python -m tests.faults --page"
    )
    assert page.PLACE.read_text() == page.page(rows, outcomes), "python -m tests.faults --page"


def test_no_row_is_green_that_was_not_run(rows: tuple[Row, ...]) -> None:
    kept = json.loads(results.PLACE.read_text())
    for row in rows:
        if kept["rows"][str(row.number)]["result"] == GREEN:
            ran = [kept["proofs"][proof.key] for proof in row.proofs]
            assert ran, row.number
            assert all(one["result"] == GREEN and one["tests"] and one["date"] for one in ran)
    assert {of_row(row, {}).result for row in rows}.isdisjoint({GREEN, RED})
