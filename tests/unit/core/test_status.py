"""How a system stands is computed from what was seen, line by line."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from stagegate.journal import Run, open_journal
from stagegate.status import Line, judge_host, read_standing, worst

HOUR = 3600.0


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run("r1", 0, "demo", "h1", tmp_path / "state", exclusive=False)


def note(run: Run, phase: str, step: str, kind: str, **more: Any) -> None:
    with open_journal(run) as journal:
        journal.note(phase, step, kind=kind, **more)


def deploy(run: Run) -> None:
    note(run, "preflight", "open", "done", state={"plan": {"to": "1.1"}, "owner": {}})
    note(run, "backup", "store:memory", "done")
    told = {"name": "a day", "begins": 0.0, "ends": 24 * HOUR, "every": HOUR, "gates": ["p99"]}
    state = {"windows": [told], "scale": 1.0, "version": "1.1"}
    note(run, "observe", "begin", "observed", state=state)
    note(run, "report", "close", "terminal", state={"verdict": "deployed"})


def service(**more: Any) -> dict[str, Any]:
    health = {"version": "1.1", "fault": ""}
    return {"active": "active", "sub": "running", "restarts": 0, "health": health, **more}


def said(
    run: Run, services: dict[str, Any] | None = None, now: float = 0.0, **gate: Any
) -> list[Line]:
    gates = [{"name": "p99", "reason": "r", **gate}] if gate else []
    told = {"api": service()} if services is None else services
    return judge_host(read_standing(run, now or time.time()), told, gates)


def test_a_host_on_which_all_is_well_says_so_line_by_line(run: Run) -> None:
    deploy(run)
    look = {"at": time.time(), "gates": {"p99": {"verdict": "green"}}}
    note(run, "observe", "look:a_day", "observed", evidence=look)
    lines = said(run, verdict="green")
    assert {line.component: line.verdict for line in lines} == dict.fromkeys(
        ("release", "api", "backup of memory", "gate p99", "window a day"), "good"
    )
    assert worst(lines) == "good"


def test_a_host_that_knows_nothing_is_unknown(run: Run) -> None:
    assert said(run, {}) == [Line("release", "unknown", "the ledger knows of no live release")]
    assert worst([]) == "unknown"


@pytest.mark.parametrize(
    ("services", "words"),
    [
        ({"api": service(active="failed", sub="failed")}, "it does not run"),
        ({"api": service(health={"version": "", "fault": "HTTP 500"})}, "HTTP 500"),
        ({"api": service(health={"version": "1.0", "fault": ""})}, "it says 1.0, the ledger 1.1"),
    ],
)
def test_a_service_must_run_and_be_the_live_release(
    run: Run, services: dict[str, Any], words: str
) -> None:
    deploy(run)
    line = next(one for one in said(run, services) if one.component == "api")
    assert line.verdict == "bad"
    assert words in line.words


@pytest.mark.parametrize(
    ("verdict", "shown"),
    [("amber", "good"), ("red", "bad"), ("unknown", "unknown"), ("odd", "unknown")],
)
def test_a_gate_that_is_not_known_to_be_good_is_not_good(
    run: Run, verdict: str, shown: str
) -> None:
    deploy(run)
    line = next(one for one in said(run, verdict=verdict) if one.component == "gate p99")
    assert line.verdict == shown


def test_an_old_or_failed_backup_is_bad(run: Run) -> None:
    deploy(run)
    old = next(
        o for o in said(run, now=time.time() + 27 * HOUR) if o.component.startswith("backup")
    )
    assert (old.verdict, old.words.startswith("27.0 hours ago")) == ("bad", True)
    note(run, "backup", "store:memory", "failed")
    failed = next(one for one in said(run) if one.component.startswith("backup"))
    assert (failed.verdict, "the last one failed" in failed.words) == ("bad", True)


def test_a_window_that_nobody_looks_at_is_bad(run: Run) -> None:
    deploy(run)
    late = said(run, now=time.time() + 3 * HOUR)[-1]
    assert (late.verdict, "nobody looks" in late.words) == ("bad", True)


def test_an_unfinished_run_is_named_with_who_began_it(run: Run) -> None:
    note(run, "preflight", "open", "done", state={"plan": {"to": "1.1"}})
    (release, _) = said(run)
    assert (release.verdict, "run r1 is unfinished" in release.words) == ("bad", True)
