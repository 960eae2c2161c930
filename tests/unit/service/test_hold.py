"""Held means: the guard is on the disk, nothing runs, and nothing can start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stagegate.errors import StepFailed
from stagegate.journal import open_journal
from stagegate.service.guard import guard_stands
from stagegate.service.health import Answer
from stagegate.service.hold import fence, hold
from stagegate.service.manager import Host
from stagegate.service.start import start
from tests.unit.service.helpers import RUNNING, FakeManager, entries, make_host, make_run, noun

Answers = dict[int, Callable[[], Answer]]
API, WORKERS = noun("abathur-api", 8000), noun("abathur-workers", 8001)


@pytest.fixture
def manager(tmp_path: Path) -> FakeManager:
    """Two services that run."""
    return FakeManager(tmp_path, {"abathur-api": RUNNING, "abathur-workers": RUNNING})


@pytest.fixture
def host(tmp_path: Path, manager: FakeManager, answers: Answers) -> Host:
    """Their host, in the phase that holds them."""
    answers[8000] = lambda: Answer("0.9", "old")
    return make_host(tmp_path, API, WORKERS, manager=manager, phase="quiesce")


def test_stops_the_last_service_first_under_the_guard(host: Host, manager: FakeManager) -> None:
    result = hold(host, check_mode=False)
    assert result["changed"]
    assert guard_stands(host.fleet.run)
    assert manager.calls == ["stop abathur-workers", "stop abathur-api"]


def test_the_guard_stands_before_the_first_stop(host: Host, manager: FakeManager) -> None:
    def stop(name: str) -> None:
        assert guard_stands(host.fleet.run)
        manager.end(name)

    manager.stop = stop  # type: ignore[method-assign]
    hold(host, check_mode=False)


def test_records_what_ran_before_anything_is_stopped(host: Host) -> None:
    hold(host, check_mode=False)
    kinds = [(e.kind, e.state.get("was", {})) for e in entries(host.fleet.run, "hold")]
    assert [kind for kind, _ in kinds] == ["observed", "intent", "done"]
    was = kinds[0][1]["abathur-api"]
    assert was == {
        "active": True,
        "main_pid": 100,
        "unit_sha256": None,
        "instance": "old",
        "version": "0.9",
    }
    assert kinds[2][1] == kinds[0][1]


def test_holding_twice_changes_nothing_and_keeps_what_was_found(host: Host) -> None:
    first = hold(host, check_mode=False)
    second = hold(host, check_mode=False)
    assert not second["changed"]
    assert second["was"] == first["was"]


def test_a_rollback_keeps_what_the_deployment_found(host: Host) -> None:
    first = hold(host, check_mode=False)
    back = replace(host, fleet=replace(host.fleet, phase="rollback"))
    assert hold(back, check_mode=False)["was"] == first["was"]
    assert entries(host.fleet.run, "hold")[-1].phase == "rollback"


def test_kills_what_ignores_the_request(host: Host, manager: FakeManager) -> None:
    manager.stubborn.add("abathur-api")
    evidence = hold(host, check_mode=False)["evidence"]
    assert evidence["killed"] == ["abathur-api"]
    assert evidence["stopped_in"] >= 10


def test_kills_a_child_that_left_its_parent(host: Host, manager: FakeManager) -> None:
    manager.left["abathur-workers"] = (4711,)
    assert hold(host, check_mode=False)["evidence"]["killed"] == ["abathur-workers"]
    assert not manager.left


def test_fails_while_a_process_survives_everything(host: Host, manager: FakeManager) -> None:
    manager.stubborn.add("abathur-api")
    manager.immortal.add("abathur-api")
    with pytest.raises(
        StepFailed, match=r"cannot be stopped: processes \{'abathur-api': \(100,\)\}"
    ):
        hold(host, check_mode=False)
    assert guard_stands(host.fleet.run)
    assert entries(host.fleet.run)[-1].kind == "failed"


def test_a_service_that_comes_back_while_another_is_stopped_fails_the_step(
    host: Host, manager: FakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = manager.stop

    def stop_and_bring_back(name: str) -> None:
        stop(name)
        if name == "abathur-api":
            manager.states["abathur-workers"] = RUNNING

    monkeypatch.setattr(manager, "stop", stop_and_bring_back)
    with pytest.raises(StepFailed, match="abathur-workers on abathur1 cannot be stopped"):
        hold(host, check_mode=False)
    assert guard_stands(host.fleet.run)


def test_check_mode_tells_and_touches_nothing(host: Host, manager: FakeManager) -> None:
    assert hold(host, check_mode=True)["changed"]
    assert not guard_stands(host.fleet.run)
    assert manager.calls == []
    assert entries(host.fleet.run) == []


def test_stops_what_runs_though_the_guard_stands(host: Host, manager: FakeManager) -> None:
    hold(host, check_mode=False)
    manager.states["abathur-api"] = RUNNING
    assert hold(host, check_mode=False)["changed"]
    assert not manager.states["abathur-api"].running


def test_a_resumed_run_does_not_stop_what_it_started(
    host: Host, manager: FakeManager, answers: Answers
) -> None:
    hold(host, check_mode=False)
    answers.clear()
    for port in (8000, 8001):
        answers[port] = started(manager, port)
    start(replace(host, fleet=replace(host.fleet, phase="restart")), check_mode=False)
    manager.calls.clear()
    for again in ("first", "second"):
        assert not hold(host, check_mode=False)["changed"], again
    assert manager.calls == []


def started(manager: FakeManager, port: int) -> Callable[[], Answer]:
    """Silence until the service is started, then good answers."""
    name = "abathur-api" if port == 8000 else "abathur-workers"
    silent = Answer(fault="nothing listens there", reached=False)
    return lambda: Answer("1.0", f"new-{port}") if f"start {name}" in manager.calls else silent


def test_stops_a_service_that_the_new_release_no_longer_has(
    host: Host, manager: FakeManager, answers: Answers, tmp_path: Path
) -> None:
    hold(host, check_mode=False)
    answers.clear()
    for port in (8000, 8001):
        answers[port] = started(manager, port)
    start(replace(host, fleet=replace(host.fleet, phase="restart")), check_mode=False)
    later = make_host(
        tmp_path, API, manager=manager, phase="quiesce", run=make_run(tmp_path, "run-2")
    )
    manager.calls.clear()
    hold(later, check_mode=False)
    assert manager.calls == ["stop abathur-workers", "stop abathur-api"]


def test_fence_holds_and_says_so(host: Host) -> None:
    assert fence(host, check_mode=False)["changed"]
    assert guard_stands(host.fleet.run)
    last = entries(host.fleet.run)[-1]
    assert (last.phase, last.step, last.state) == ("rollback", "fence", {"fenced": True})
    assert not fence(host, check_mode=False)["changed"]


def test_what_a_fence_stopped_is_known_to_the_next_rollback(host: Host) -> None:
    fence(host, check_mode=False)
    back = hold(replace(host, fleet=replace(host.fleet, phase="rollback")), check_mode=False)
    assert back["was"]["abathur-api"]["active"]


def test_after_a_fence_that_was_killed_a_rollback_holds_again(
    host: Host, manager: FakeManager, answers: Answers
) -> None:
    back = replace(host, fleet=replace(host.fleet, phase="rollback"))
    hold(back, check_mode=False)
    answers.clear()
    for port in (8000, 8001):
        answers[port] = started(manager, port)
    start(back, check_mode=False)
    with open_journal(host.fleet.run) as journal:
        journal.append("rollback", "fence", "intent", "", {}, {})
    assert hold(back, check_mode=False)["changed"]
    assert not manager.states["abathur-api"].running
