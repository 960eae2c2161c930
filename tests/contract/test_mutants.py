"""Every guard and every fix in the tables can be taken out as it is written there."""

from __future__ import annotations

import pytest

from tests.mutants import page
from tests.mutants.bugs import Bug, read_bugs
from tests.mutants.guards import Guard, read_guards

GUARDS = read_guards()
BUGS = read_bugs()


@pytest.mark.parametrize("guard", GUARDS, ids=[guard.name for guard in GUARDS])
def test_a_guard_stands_once_and_its_tests_are_there(guard: Guard) -> None:
    assert guard.problem() == ""


@pytest.mark.parametrize("bug", BUGS, ids=[bug.name for bug in BUGS])
def test_a_fix_stands_once_and_its_tests_are_there(bug: Bug) -> None:
    assert bug.problem() == ""


@pytest.mark.parametrize("table", [GUARDS, BUGS], ids=["guards", "bugs"])
def test_no_two_entries_have_one_name(table: list[Guard] | list[Bug]) -> None:
    assert len({one.name for one in table}) == len(table)


def test_no_fix_repeats_the_text_of_a_guard() -> None:
    known = {guard.changes: guard.name for guard in GUARDS}
    assert [bug.name for bug in BUGS if bug.repeated(known)] == []


def test_the_page_is_what_the_table_says() -> None:
    assert page.PLACE.read_text() == page.page(BUGS), "python -m tests.mutants --page"
