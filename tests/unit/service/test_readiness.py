"""A service is ready when it has stayed the same good process for long enough, never before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stagegate.service.health import Answer
from stagegate.service.manager import ProcessState
from stagegate.service.model import read_service
from stagegate.service.readiness import FAILED, READY, WAITING, Expected, Watch
from tests.unit.service.helpers import RUNNING, noun

GOOD = Answer("1.1", "new")
NONE = Answer(fault="nothing listens there", reached=False)
BAD = Answer(fault="HTTP 500: sorry")


def watch(**expected: Any) -> Watch:
    """A watch over a service that must be ready within 10 s and stable for 2 s."""
    service = read_service(noun(health={"ready_within": 10, "stable_for": 2}))
    return Watch(service, Expected(**{"version": "1.1", "restarts": 0, **expected}), 0.0)


def follow(one: Watch, *seen: tuple[float, ProcessState, Answer]) -> str:
    """The verdict after these observations."""
    verdict = WAITING
    for now, state, answer in seen:
        verdict = one.see(now, state, answer)
    return verdict


def test_ready_after_the_stable_time_and_not_earlier() -> None:
    one = watch()
    assert follow(one, (0.0, RUNNING, NONE), (1.0, RUNNING, GOOD), (2.9, RUNNING, GOOD)) == WAITING
    assert one.see(3.0, RUNNING, GOOD) == READY


def test_one_bad_answer_begins_the_stable_time_anew() -> None:
    one = watch()
    follow(one, (1.0, RUNNING, GOOD), (2.0, RUNNING, BAD), (2.5, RUNNING, GOOD))
    assert one.see(4.0, RUNNING, GOOD) == WAITING
    assert one.see(4.5, RUNNING, GOOD) == READY


DEAD = ProcessState(exists=True, active="failed", result="exit-code", status=3)
WAITING_AGAIN = replace(DEAD, active="activating", sub="auto-restart")


@pytest.mark.parametrize(
    ("state", "answer", "words"),
    [
        (DEAD, NONE, "it ended with status 3"),
        (WAITING_AGAIN, NONE, "it died (it ended with status 3)"),
        (replace(DEAD, result="oom-kill"), NONE, "for want of memory"),
        (replace(DEAD, result="signal", status=11), NONE, "ended by signal 11"),
        (replace(DEAD, result="start-limit-hit"), NONE, "not started any more"),
        (replace(DEAD, result="exec-condition"), NONE, "the start guard stands"),
        (replace(DEAD, result="core-dump"), NONE, "it crashed"),
        (ProcessState(exists=True), NONE, "it ended by itself, with status 0"),
        (ProcessState(result="not-found"), NONE, "its unit does not exist"),
        (ProcessState(result="masked"), NONE, "its unit is masked"),
        (replace(RUNNING, restarts=2), GOOD, "restarted 2 times"),
        (replace(RUNNING, main_pid=101), GOOD, "its process changed from 100 to 101"),
        (RUNNING, Answer("1.0", "old"), "the former process still answers"),
        (RUNNING, Answer("1.1", "old"), "the former process still answers"),
        (RUNNING, Answer("1.0", "new"), "it says that it is version 1.0, not 1.1"),
        (RUNNING, Answer("1.0", "new", "HTTP 503: no"), "it says that it is version 1.0, not 1.1"),
    ],
)
def test_fails_at_once_when_it_can_only_stay_wrong(
    state: ProcessState, answer: Answer, words: str
) -> None:
    one = watch(former=frozenset({"old"}))
    assert follow(one, (0.0, RUNNING, GOOD), (0.1, state, answer)) == FAILED
    assert words in one.reason


def test_waits_while_it_is_being_started() -> None:
    starting = ProcessState(exists=True, active="activating", sub="start", main_pid=0)
    assert follow(watch(), (0.0, starting, NONE), (0.1, RUNNING, NONE)) == WAITING


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (NONE, "nothing listens there"),
        (BAD, "HTTP 500"),
        (Answer(fault="HTTP 200, but its status is degraded"), "degraded"),
        (Answer(fault="it redirects to /login"), "redirects"),
    ],
)
def test_fails_at_the_deadline_with_the_last_reason(answer: Answer, words: str) -> None:
    one = watch()
    assert follow(one, (1.0, RUNNING, answer), (10.0, RUNNING, answer)) == WAITING
    assert one.see(10.1, RUNNING, answer) == FAILED
    assert "not ready within 10 s" in one.reason
    assert words in one.reason


def test_a_good_answer_after_the_deadline_is_too_late() -> None:
    one = watch()
    follow(one, (9.0, RUNNING, BAD), (11.0, RUNNING, GOOD), (12.1, RUNNING, GOOD))
    assert one.verdict == FAILED
    assert "too late" in one.reason


@pytest.mark.parametrize("period", [2, 3, 7, 20])
def test_flapping_health_never_becomes_ready_and_is_called_so(period: int) -> None:
    one = watch()
    for tick in range(1, 130):
        if one.see(tick / 10, RUNNING, BAD if tick % period == 0 else GOOD) != WAITING:
            break
    assert one.verdict == FAILED
    assert "flaps" in one.reason
    assert f"{one.edges} times it went bad" in one.reason
