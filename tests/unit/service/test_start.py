"""Services start under their new units, and are believed only when they prove themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import Refused, StepFailed
from stagegate.service import units
from stagegate.service.guard import guard_stands
from stagegate.service.health import Answer
from stagegate.service.hold import hold
from stagegate.service.manager import Host, ProcessState
from stagegate.service.probe import probe
from stagegate.service.start import start
from stagegate.service.steady import steady
from tests.unit.service.conftest import SILENT
from tests.unit.service.helpers import (
    RUNNING,
    FakeManager,
    entries,
    make_host,
    make_run,
    noun,
)

Answers = dict[int, Callable[[], Answer]]
API, WORKERS = noun("abathur-api", 8000), noun("abathur-workers", 8001)
NAMES = {8000: "abathur-api", 8001: "abathur-workers"}


def answer_once_started(manager: FakeManager, answers: Answers, version: str = "1.0") -> None:
    """Let every service answer well as a new instance from its start on."""

    def next_answer(name: str) -> Answer:
        count = manager.calls.count(f"start {name}")
        running = manager.states.get(name, ProcessState()).running
        return Answer(version, f"{name}-{count}") if running else SILENT

    for port, name in NAMES.items():
        answers[port] = lambda name=name: next_answer(name)  # type: ignore[misc]


@pytest.fixture
def manager(tmp_path: Path) -> FakeManager:
    """No service yet."""
    return FakeManager(tmp_path)


@pytest.fixture
def host(tmp_path: Path, manager: FakeManager, answers: Answers) -> Host:
    """A first installation."""
    answer_once_started(manager, answers)
    return make_host(tmp_path, API, WORKERS, manager=manager)


def in_phase(host: Host, phase: str) -> Host:
    """The same host in another phase."""
    return replace(host, fleet=replace(host.fleet, phase=phase))


def upgraded(host: Host, tmp_path: Path, manager: FakeManager) -> Host:
    """A host on which run-2 has put 1.1 in the place of 1.0, with changed units."""
    hold(in_phase(host, "quiesce"), check_mode=False)
    start(host, check_mode=False)
    changed = {**API, "command": ["/srv/abathur/current/bin/other"]}
    run = make_run(tmp_path, "run-2")
    later = make_host(tmp_path, changed, WORKERS, manager=manager, run=run)
    hold(in_phase(later, "quiesce"), check_mode=False)
    start(later, check_mode=False)
    return later


def test_installs_lifts_the_guard_starts_in_order_and_waits(
    host: Host, manager: FakeManager
) -> None:
    hold(in_phase(host, "quiesce"), check_mode=False)
    result = start(host, check_mode=False)
    assert manager.calls == ["reload", "start abathur-api", "start abathur-workers"]
    assert not guard_stands(host.fleet.run)
    assert manager.enabled == {"abathur-api", "abathur-workers"}
    assert result["services"]["abathur-api"] == {
        "main_pid": 200,
        "restarts": 0,
        "invocation": "second",
        "instance": "abathur-api-1",
        "version": "1.0",
    }
    assert entries(host.fleet.run, "start")[-1].state == {"services": result["services"]}


def test_the_guard_stands_until_every_unit_is_written(host: Host, manager: FakeManager) -> None:
    def reload() -> None:
        assert guard_stands(host.fleet.run)
        assert manager.unit_path("abathur-workers").exists()

    manager.reload = reload  # type: ignore[method-assign]
    hold(in_phase(host, "quiesce"), check_mode=False)
    start(host, check_mode=False)


def test_starting_twice_changes_nothing(host: Host, manager: FakeManager) -> None:
    start(host, check_mode=False)
    manager.calls.clear()
    assert not start(host, check_mode=False)["changed"]
    assert manager.calls == []


def test_check_mode_shows_the_units_and_writes_nothing(host: Host, manager: FakeManager) -> None:
    result = start(host, check_mode=True)
    assert result["changed"]
    assert "abathur-api of abathur" in result["diff"][0]["after"]
    assert manager.calls == []
    assert not manager.unit_path("abathur-api").exists()
    assert entries(host.fleet.run) == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer("0.9", "stranger"), "version 0.9, instance stranger"),
        (Answer(fault="no whole answer within 2 s"), "no whole answer"),
    ],
)
def test_starts_nothing_while_a_stranger_has_the_port(
    answer: Answer, words: str, host: Host, manager: FakeManager, answers: Answers
) -> None:
    answers[8001] = lambda: answer
    hold(in_phase(host, "quiesce"), check_mode=False)
    with pytest.raises(StepFailed, match="another process answers") as failed:
        start(host, check_mode=False)
    assert words in failed.value.what
    assert guard_stands(host.fleet.run)
    assert not [call for call in manager.calls if call.startswith("start")]


def test_names_each_service_that_does_not_come_up(host: Host, answers: Answers) -> None:
    answers[8001] = lambda: SILENT
    with pytest.raises(StepFailed, match="abathur-workers: not ready within 10 s: nothing listens"):
        start(host, check_mode=False)
    failed = entries(host.fleet.run)[-1]
    assert failed.kind == "failed"
    assert failed.evidence["services"]["abathur-workers"]["last_words"]
    assert failed.evidence["services"]["abathur-api"]["verdict"] == "ready"


def test_the_former_instance_is_never_taken_for_the_new_one(
    host: Host, manager: FakeManager, answers: Answers
) -> None:
    manager.states["abathur-api"] = RUNNING
    answers[8000] = lambda: Answer("1.0", "former")
    hold(in_phase(host, "quiesce"), check_mode=False)
    answers[8000] = lambda: (
        Answer("1.0", "former") if "start abathur-api" in manager.calls else SILENT
    )
    with pytest.raises(StepFailed, match="the former process still answers"):
        start(host, check_mode=False)


def test_a_rollback_puts_the_former_units_back_and_starts_what_ran(
    host: Host, tmp_path: Path, manager: FakeManager, answers: Answers
) -> None:
    later = upgraded(host, tmp_path, manager)
    new = manager.unit_path("abathur-api").read_text()
    back = in_phase(later, "rollback")
    hold(back, check_mode=False)
    with_journal(back, units.restore)
    assert manager.unit_path("abathur-api").read_text() != new
    assert start(back, check_mode=False)["changed"]
    assert "other" not in manager.unit_path("abathur-api").read_text()
    assert manager.states["abathur-api"].running
    assert not guard_stands(back.fleet.run)


def with_journal(host: Host, act: Callable[[Host, Any], bool]) -> bool:
    """Do something that wants an open journal."""
    from stagegate.journal import open_journal

    with open_journal(host.fleet.run) as journal:
        return act(host, journal)


def test_a_rollback_of_a_first_installation_removes_its_units(
    host: Host, manager: FakeManager
) -> None:
    hold(in_phase(host, "quiesce"), check_mode=False)
    start(host, check_mode=False)
    back = in_phase(host, "rollback")
    hold(back, check_mode=False)
    assert with_journal(back, units.restore)
    assert not manager.unit_path("abathur-api").exists()
    assert manager.enabled == set()
    assert not with_journal(back, units.restore)


def test_a_rollback_starts_nothing_that_did_not_run_before(
    host: Host, tmp_path: Path, manager: FakeManager
) -> None:
    start(host, check_mode=False)
    manager.end("abathur-workers")
    later = make_host(tmp_path, API, WORKERS, manager=manager, run=make_run(tmp_path, "run-2"))
    hold(in_phase(later, "quiesce"), check_mode=False)
    before = len(manager.calls)
    assert list(start(in_phase(later, "rollback"), check_mode=False)["services"]) == ["abathur-api"]
    assert manager.calls[before:] == ["start abathur-api"]


def test_a_rollback_refuses_a_kept_unit_that_was_changed(
    host: Host, tmp_path: Path, manager: FakeManager
) -> None:
    later = upgraded(host, tmp_path, manager)
    kept = later.fleet.run.evidence / "units" / "abathur-api.service"
    kept.write_text("changed")
    before = manager.unit_path("abathur-api").read_text()
    with pytest.raises(StepFailed, match="cannot be put back"):
        with_journal(in_phase(later, "rollback"), units.restore)
    assert manager.unit_path("abathur-api").read_text() == before


def test_a_run_that_installed_nothing_restores_nothing(host: Host) -> None:
    assert not with_journal(host, units.restore)
    assert entries(host.fleet.run) == []


def test_installing_again_keeps_the_first_former_units(
    host: Host, tmp_path: Path, manager: FakeManager
) -> None:
    later = upgraded(host, tmp_path, manager)
    start(later, check_mode=False)
    former = [
        e.state["units"]["abathur-api"]["former"]["sha256"]
        for e in entries(later.fleet.run, units.INSTALL)
        if e.run == "run-2" and e.state
    ]
    assert len(former) == 3
    assert len(set(former)) == 1
    assert former[0] != units.sha256(manager.unit_path("abathur-api").read_bytes())


def test_a_service_that_the_release_dropped_loses_its_unit_and_a_rollback_brings_it_back(
    host: Host, tmp_path: Path, manager: FakeManager
) -> None:
    start(host, check_mode=False)
    later = make_host(tmp_path, API, manager=manager, run=make_run(tmp_path, "run-2"))
    hold(in_phase(later, "quiesce"), check_mode=False)
    start(later, check_mode=False)
    assert not manager.unit_path("abathur-workers").exists()
    hold(in_phase(later, "rollback"), check_mode=False)
    with_journal(in_phase(later, "rollback"), units.restore)
    assert manager.unit_path("abathur-workers").exists()
    assert "abathur-workers" in manager.enabled


def test_steady_accepts_what_was_started(host: Host) -> None:
    start(host, check_mode=False)
    assert steady(in_phase(host, "admit"), check_mode=False)["services"]
    last = entries(host.fleet.run)[-1]
    assert (last.phase, last.step, last.kind) == ("admit", "steady", "done")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"main_pid": 300, "invocation": "third"}, "somebody else restarted it"),
        ({"invocation": "third"}, "its invocation is third"),
        ({"restarts": 1, "main_pid": 300}, "it died and was restarted 1 time"),
        ({"active": "failed", "main_pid": 0, "result": "oom-kill"}, "want of memory"),
        ({"active": "inactive", "main_pid": 0}, "it does not run any more"),
    ],
)
def test_steady_sees_a_process_that_is_no_longer_the_same(
    change: dict[str, Any], words: str, host: Host, manager: FakeManager
) -> None:
    start(host, check_mode=False)
    manager.states["abathur-api"] = replace(manager.states["abathur-api"], **change)
    with pytest.raises(StepFailed, match="did not stay up") as failed:
        steady(in_phase(host, "admit"), check_mode=False)
    assert words in failed.value.what
    assert entries(host.fleet.run)[-1].evidence["last_words"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer("0.9", "abathur-api-1"), "version 0.9, not 1.0"),
        (Answer("1.0", "another"), "another instance answers"),
        (Answer(fault="HTTP 500: sorry"), "HTTP 500"),
    ],
)
def test_steady_sees_a_service_that_speaks_otherwise(
    answer: Answer, words: str, host: Host, answers: Answers
) -> None:
    start(host, check_mode=False)
    answers[8000] = lambda: answer
    with pytest.raises(StepFailed) as failed:
        steady(in_phase(host, "admit"), check_mode=False)
    assert words in failed.value.what


def test_steady_forgives_one_bad_answer(host: Host, answers: Answers) -> None:
    start(host, check_mode=False)
    good = answers[8000]
    replies = iter([Answer(fault="HTTP 500: sorry")])
    answers[8000] = lambda: next(replies, None) or good()
    assert steady(in_phase(host, "admit"), check_mode=False)["services"]


def test_steady_refuses_without_a_start(host: Host) -> None:
    with pytest.raises(Refused):
        steady(host, check_mode=False)


def test_probe_tells_what_is_there(host: Host, manager: FakeManager) -> None:
    assert probe(host)["services"]["abathur-api"]["unit"] == "absent"
    start(host, check_mode=False)
    found = probe(host)
    assert not found["guard"]
    assert found["services"]["abathur-api"]["unit"] == "same"
    assert found["services"]["abathur-api"]["health"]["instance"] == "abathur-api-1"
    before = len(entries(host.fleet.run))
    manager.unit_path("abathur-api").write_text("of another time\n")
    with pytest.raises(Refused, match="was changed by hand"):
        probe(host)
    assert len(entries(host.fleet.run)) == before


def test_probe_refuses_a_drop_in_but_not_the_distribution_s(
    host: Host, manager: FakeManager
) -> None:
    manager.drop_ins["abathur-api"] = ("/usr/lib/systemd/system/service.d/10-timeout.conf",)
    probe(host)
    manager.drop_ins["abathur-api"] = ("/etc/systemd/system/abathur-api.service.d/override.conf",)
    with pytest.raises(Refused, match=r"override\.conf"):
        probe(host)


def test_probe_refuses_a_masked_unit(host: Host, manager: FakeManager) -> None:
    manager.states["abathur-api"] = ProcessState(result="masked")
    with pytest.raises(Refused, match="is masked"):
        probe(host)


def test_a_unit_written_before_any_deployment_is_only_reported(
    host: Host, manager: FakeManager
) -> None:
    manager.unit_path("abathur-api").write_text("by an administrator\n")
    assert probe(host)["services"]["abathur-api"]["unit"] == "differs"
