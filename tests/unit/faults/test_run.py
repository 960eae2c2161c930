"""Green is what ran and passed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.page import page
from tests.faults.results import GREEN, NOT_INJECTED, NOT_RUN, RED, Outcome, of_row, text
from tests.faults.rows import Proof, Row
from tests.faults.run import NothingRanError, run_tests

TESTS = """
import pytest

@pytest.mark.parametrize("size", [1, 2])
def test_good(size): pass

@pytest.mark.parametrize("size", [1, 2])
def test_one_is_bad(size): assert size == 1

def test_good_and_more(): assert 0

@pytest.mark.skip(reason="not here")
def test_skipped(): pass

@pytest.mark.xfail(reason="known")
def test_expected_to_fail(): assert 0

@pytest.mark.lab
def test_lab(): pass

@pytest.fixture
def ends_badly():
    yield
    raise OSError

def test_clean_up_fails(ends_badly): pass

class TestOne:
    def test_inside(self): pass
"""
ENDED = {
    "test_good": (GREEN, 2, ""),
    "test_good[2]": (GREEN, 1, ""),
    "test_one_is_bad": (RED, 2, "test_one_is_bad[2] failed"),
    "test_skipped": (RED, 1, "test_skipped was skipped"),
    "test_expected_to_fail": (RED, 1, "test_expected_to_fail was skipped"),
    "test_lab": (RED, 0, "tests/test_it.py::test_lab was not run"),
    "test_clean_up_fails": (RED, 1, "test_clean_up_fails failed"),
    "TestOne::test_inside": (GREEN, 1, ""),
}
A, B = Proof("test", "tests/test_it.py::test_a"), Proof("scenario", "host_lost")
ROW = Row(30, "hosts", "a|b", "it *holds*", injected="cut", proofs=(A, B))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = lab: no\n")
    return tmp_path


def test_each_name_gets_what_its_own_tests_gave(project: Path) -> None:
    names = [f"tests/test_it.py::{name}" for name in ENDED]
    found = run_tests(names, "2026-11-26", [("not lab", ())], project)
    for name, wanted in ENDED.items():
        one = found[f"test tests/test_it.py::{name}"]
        assert (one.result, one.tests, one.why, one.date) == (*wanted, "2026-11-26")


def test_a_set_of_parameters_that_is_gone_stops_the_run(project: Path) -> None:
    with pytest.raises(NothingRanError, match="pytest ended with 4"):
        run_tests(["tests/test_it.py::test_good[3]"], "2026-11-26", [("not lab", ())], project)


GREEN_A = Outcome(GREEN, "2026-11-25", 1.5, 2)
GREEN_B = Outcome(GREEN, "2026-11-24", 90, 1)
ROWS = [
    ({}, NOT_RUN, "", 0),
    ({A.key: GREEN_A}, NOT_RUN, "2026-11-25", 2),
    ({A.key: GREEN_A, B.key: GREEN_B}, GREEN, "2026-11-24", 3),
    ({A.key: GREEN_A, B.key: Outcome(RED, "2026-11-26", 9, 1)}, RED, "2026-11-25", 3),
    ({A.key: Outcome(RED, "2026-11-26", 9, 1)}, RED, "2026-11-26", 1),
]


@pytest.mark.parametrize(("outcomes", "result", "date", "tests"), ROWS)
def test_a_row_is_green_when_all_its_proofs_are(
    outcomes: dict[str, Outcome], result: str, date: str, tests: int
) -> None:
    found = of_row(ROW, outcomes)
    assert (found.result, found.date, found.tests) == (result, date, tests)


def test_a_reason_is_no_proof() -> None:
    row = Row(31, "hosts", "gone", "", not_injected="nobody can")
    assert of_row(row, {}).result == NOT_INJECTED
    assert "- **31** gone: nobody can" in page([row], {})


def test_a_proof_that_no_row_names_is_forgotten() -> None:
    other = Proof("test", "tests/test_it.py::test_c")
    kept = text([ROW], {A.key: GREEN_A, other.key: GREEN_A})
    assert A.key in kept
    assert other.key not in kept


def test_the_page_links_to_the_proof_and_shows_every_mark_as_it_is() -> None:
    written = page([ROW], {A.key: GREEN_A, B.key: GREEN_B})
    assert r"| 30 | a\|b | cut | it \*holds\* |" in written
    assert (
        r"[test\_a](../tests/test_it.py)<br>scenario [host_lost](../molecule/host_lost)" in written
    )
    assert "| green | 2026-11-24 |" in written
