"""Every guard in the table can be taken out as it is written there."""

from __future__ import annotations

import pytest

from tests.mutants.guards import Guard, read_guards

GUARDS = read_guards()


@pytest.mark.parametrize("guard", GUARDS, ids=[guard.name for guard in GUARDS])
def test_a_guard_stands_once_and_its_tests_are_there(guard: Guard) -> None:
    assert guard.problem() == ""
    assert guard.put != guard.take


def test_no_two_guards_have_one_name() -> None:
    assert len({guard.name for guard in GUARDS}) == len(GUARDS)
