"""A wall clock may be set at any time: order, durations, leases and windows do not follow it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from stagegate import conduct
from stagegate.gates.watch import is_due, judge_window, standing_watch
from stagegate.journal import open_journal
from stagegate.ledger import read_ledger
from stagegate.lock import Lock
from stagegate.record.account import read_account
from stagegate.record.build import build_record
from stagegate.record.markdown import to_markdown
from tests.unit.core.operators import FIRST, PLAN, begin, context

START = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
HOUR, DAY = 3600.0, 86400.0
TO_1970 = -START.timestamp()


class SetClock:
    """A clock whose wall time is put somewhere else, while the steady one goes on."""

    def __init__(self) -> None:
        self.steady, self.moved, self.boot = 100.0, 0.0, "boot-1"

    def wall(self) -> str:
        now = START + timedelta(seconds=self.steady - 100.0 + self.moved)
        return now.isoformat(timespec="microseconds")

    def mono(self) -> float:
        return self.steady

    def boot_id(self) -> str:
        return self.boot


def stamp(clock: SetClock) -> float:
    return datetime.fromisoformat(clock.wall()).timestamp()


JUMPS = [
    (HOUR, "forward by 1 h 00 min"),
    (-HOUR, "back by 1 h 00 min"),
    (DAY, "forward by 24 h 00 min"),
    (-DAY, "back by 24 h 00 min"),
    (TO_1970, "back by "),
]


def run_with_jump(state: Path, clock: SetClock, jump: float) -> None:
    run = context(state, "20261126T120000Z-ab12", 1)
    Lock(state).acquire(run.id, FIRST)
    with open_journal(run, clock=clock) as journal:
        journal.note("preflight", "open", state={"plan": PLAN}, kind="done")
        for name, shift in (("store:memory", 0.0), ("drill:memory", jump), ("keep:memory", 0.0)):
            with journal.step("backup", name) as step:
                clock.steady += 7.0
                clock.moved += shift
                step.done()


@pytest.mark.parametrize(("jump", "words"), JUMPS)
def test_a_clock_that_is_set_changes_no_duration_and_no_order_and_is_told(
    tmp_path: Path, jump: float, words: str
) -> None:
    run_with_jump(tmp_path, SetClock(), jump)
    entries = [asdict(e) for e in read_ledger(tmp_path / "ledger.jsonl").entries]
    account = read_account("h1", entries, "20261126T120000Z-ab12")
    took = {step.label: round(step.ended - step.began, 3) for step in account.steps if step.ended}
    assert took.pop("preflight.open") == 0.0
    assert took == {f"backup.{name}:memory": 7.0 for name in ("store", "drill", "keep")}
    assert [e["seq"] for e in entries] == list(range(1, 8))
    meta = {"run": account.entries[0]["run"], "system": "demo", "kind": "deploy", "hosts": ["h1"]}
    record = build_record({"h1": entries}, meta)
    (note,) = record["notes"]["clocks"]
    assert f"h1: its clock was put {words}" in note
    assert "between entries 4 and 5" in note
    assert "its clock was put" in to_markdown(record)


def test_a_clock_that_is_kept_by_small_steps_is_not_told(tmp_path: Path) -> None:
    run_with_jump(tmp_path, SetClock(), 0.5)
    entries = [asdict(e) for e in read_ledger(tmp_path / "ledger.jsonl").entries]
    assert build_record({"h1": entries}, {"run": entries[0]["run"]})["notes"] == {}


@pytest.mark.parametrize("moved", [600.0, -3 * HOUR, DAY, TO_1970])
def test_the_age_of_a_lock_is_judged_by_the_steady_clock_of_its_host_alone(
    tmp_path: Path, moved: float
) -> None:
    """The controller's time is part of no comparison, however far it is from the host's."""
    clock, lock = SetClock(), Lock(tmp_path)
    lock.acquire("run-1", {**FIRST, "started": "1999-01-01T00:00:00+00:00"})
    lock.beat(clock)
    clock.moved += moved
    clock.steady += 119.0
    assert not lock.is_stale(clock)
    clock.steady += 2.0
    assert lock.is_stale(clock)


WINDOW = {"name": "a day", "begins": 0.0, "ends": DAY, "every": HOUR, "gates": ["p99"]}


@pytest.mark.parametrize("jump", [HOUR, DAY, 2 * DAY, -HOUR, -DAY, TO_1970])
def test_no_window_is_green_for_time_that_only_the_clock_says_has_passed(
    tmp_path: Path, jump: float
) -> None:
    conduct.close_run(begin(tmp_path), "deployed", {})
    clock = SetClock()
    looks = context(tmp_path, "run-1")
    with open_journal(looks, clock=clock) as journal:
        state = {"windows": [WINDOW], "scale": 1.0, "version": "1.1"}
        journal.note("observe", "begin", state=state)
    for _ in range(3):
        clock.steady += HOUR
        with open_journal(looks, clock=clock) as journal:
            seen = {"at": stamp(clock), "gates": {"p99": {"verdict": "green"}}}
            journal.note("observe", "look:a_day", evidence=seen)
    clock.moved = jump
    now = stamp(clock)
    watch = standing_watch(read_ledger(tmp_path / "ledger.jsonl").entries)
    assert watch is not None
    (window,) = watch.windows
    over = now >= watch.end(window)
    assert over == (jump >= DAY)
    assert judge_window(watch, window).verdict == "unknown"
    if not over and now > watch.start(window) + 3 * HOUR:
        assert is_due(watch, window, now), "a gap is looked into, not slept over"
