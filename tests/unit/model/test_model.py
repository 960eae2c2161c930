"""The model check finds nothing in the core, and finds each guard that is taken out of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stagegate import conduct, history, journal, step_lock, taking
from tests.model import check, story, system
from tests.model.system import Current

SEEDS = [
    int(line.split("#")[0])
    for line in Path(check.__file__).with_name("seeds.txt").open()
    if line.split("#")[0].strip()
]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_that_once_broke_stays_whole(seed: int) -> None:
    broken = check.search([seed])
    assert broken is None, broken.told()


def test_many_seeds_see_nothing_that_must_never_be_seen() -> None:
    broken = check.search(range(60))
    assert broken is None, broken.told()


def no_fence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(journal, "check_fence", lambda run: None)


def no_sync(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(system.Os, "fdatasync", lambda descriptor: Current.process.enter())


def wrong_way(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(history, "admitted", lambda summary: False)


def no_step_lock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(step_lock, "wait_for_flock", lambda descriptor, state, deadline: None)


def resumed_is_ended(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(history, "TAKEN_UP", (("rollback", "reopen"),))


def refusal_is_an_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(conduct, "what_stood", lambda journal: "refused")


def each_host_its_last(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(story, "going_back", lambda seen: [])


def stale_plan(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(taking, "refuse_if_outdated", lambda run, plan, last: None)


TAKEN_OUT: list[tuple[Callable[[pytest.MonkeyPatch], None], str, range]] = [
    # the guard, what is broken without it, and the seeds within which that is seen
    (no_fence, "K", range(400)),
    (no_sync, "L", range(400)),
    (wrong_way, "A", range(400)),
    (no_step_lock, "L", range(1200, 1300)),
    (resumed_is_ended, "W", range(400)),
    (refusal_is_an_end, "", range(800)),
    (each_host_its_last, "R", range(400)),
    (stale_plan, "R", range(8200, 8300)),
]


@pytest.mark.parametrize(("take_out", "broken", "within"), TAKEN_OUT)
def test_a_core_without_a_guard_is_found(
    monkeypatch: pytest.MonkeyPatch,
    take_out: Callable[[pytest.MonkeyPatch], None],
    broken: str,
    within: range,
) -> None:
    take_out(monkeypatch)
    found = check.search(within)
    assert found is not None
    assert found.words.startswith(broken)
    assert found.trace
