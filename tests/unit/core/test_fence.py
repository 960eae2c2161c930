"""A controller that slept while another one took over does nothing more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from stagegate import conduct, lock, reopening
from stagegate.clock import SystemClock
from stagegate.errors import LockHeld
from stagegate.history import unfinished
from stagegate.journal import Run, open_journal
from stagegate.ledger import read_ledger
from stagegate.lock import Lock
from stagegate.status import judge_host, read_standing
from tests.unit.core.operators import FIRST, PLAN, begin, context, do_step, everything

ROOT = Path(__file__).parents[3]
CONTROLLER = """
import json, sys
from pathlib import Path
from stagegate.errors import StagegateError
from tests.unit.core import operators
host = Path(sys.argv[1])
run = operators.begin(host / "state")
for name in sys.stdin:
    try:
        operators.do_step(run, host / "data/memory", name.strip())
        (host / "release/current").unlink(missing_ok=True)
        (host / "release/current").symlink_to(name.strip())
        print(json.dumps({}), flush=True)
    except StagegateError as error:
        print(json.dumps(error.parts()), flush=True)
"""
UNIT = """
import sys
from pathlib import Path
from tests.unit.core import operators
from stagegate.journal import open_journal
run = operators.context(Path(sys.argv[1]), "run-1", 1)
with open_journal(run) as journal, journal.step("migrate", "apply:memory") as step:
    print("at work", flush=True)
    sys.stdin.readline()
    step.done()
"""


def start(program: str, place: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(place)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def say(process: subprocess.Popen[str], words: str) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(words + "\n")
    process.stdin.flush()
    told: dict[str, Any] = json.loads(process.stdout.readline())
    return told


def age(state: Path, seconds: float) -> None:
    """Let the host's steady clock be so much later, as far as the sign of life is concerned."""
    place = state / "heartbeat.json"
    beat = json.loads(place.read_text())
    place.write_text(json.dumps({**beat, "mono": beat["mono"] - seconds}))


def test_a_controller_that_was_stopped_past_its_lease_is_fenced_when_it_wakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "STALE_AFTER", 0.3)
    state = tmp_path / "state"
    for name in ("data", "release"):
        (tmp_path / name).mkdir()
    sleeper = start(CONTROLLER, tmp_path)
    try:
        assert say(sleeper, "stage:one") == {}
        sleeper.send_signal(signal.SIGSTOP)
        stranger = {**FIRST, "operator": "day", "controller_id": "c2/b/1/2", "dead": []}
        with pytest.raises(LockHeld, match="at work less than"):
            conduct.open_run(context(state, "run-1"), PLAN, stranger, resume=True)
        deadline = time.monotonic() + 10
        while not Lock(state).is_stale(SystemClock()) and time.monotonic() < deadline:
            time.sleep(0.02)
        epoch = conduct.open_run(context(state, "run-1"), PLAN, stranger, resume=True)
        do_step(context(state, "run-1", epoch), tmp_path / "data/memory", "stage:two")
        before = everything(tmp_path)
        sleeper.send_signal(signal.SIGCONT)
        told = say(sleeper, "stage:three")
        assert told["what"].startswith("run run-1 (epoch 1) is fenced by epoch 2 on host1")
        assert told["code"] == 11
        assert everything(tmp_path) == before, "the sleeper changed something"
        assert say(sleeper, "stage:three")["code"] == 11, "it is fenced for good"
    finally:
        sleeper.kill()
        sleeper.communicate()
    conduct.close_run(context(state, "run-1", epoch), "deployed", {})
    assert [e.epoch for e in read_ledger(state / "ledger.jsonl").entries] == [1, 1, 1, 2, 2, 2, 2]


def test_a_sleeper_can_neither_close_nor_take_back_what_it_lost(tmp_path: Path) -> None:
    mine = begin(tmp_path)
    age(tmp_path, 121)
    conduct.open_run(context(tmp_path, "run-1"), PLAN, {**FIRST, "dead": []}, resume=True)
    before = everything(tmp_path)
    with pytest.raises(LockHeld, match="fenced by epoch 2"):
        conduct.close_run(mine, "deployed", {})
    with pytest.raises(LockHeld, match="fenced by epoch 2"):
        reopening.reopen_run(mine, FIRST, False)
    assert everything(tmp_path) == before


def test_a_migration_that_outlived_its_controller_is_waited_for_and_not_joined(
    tmp_path: Path,
) -> None:
    begin(tmp_path)
    unit = start(UNIT, tmp_path)
    assert unit.stdout is not None
    unit.stdout.readline()
    age(tmp_path, 3600)
    resume = (
        "import sys; from pathlib import Path; from tests.unit.core import operators;"
        "print(operators.resume_as(Path(sys.argv[1]), 'day'))"
    )
    next_one = start(resume, tmp_path)
    with (
        pytest.raises(LockHeld, match="another step is still at work"),
        open_journal(context(tmp_path, "run-2"), deadline=0.2),
    ):
        pass
    assert next_one.poll() is None, "the take-over did not wait"
    assert Lock(tmp_path).epoch() == 1
    unit.communicate("end\n")
    assert next_one.communicate()[0] == "2\n"
    steps = [(e.epoch, e.step, e.kind) for e in read_ledger(tmp_path / "ledger.jsonl").entries]
    assert steps[1:] == [
        (1, "apply:memory", "intent"),
        (1, "apply:memory", "done"),
        (2, "resume", "observed"),
    ]


def test_the_status_says_since_when_the_holder_is_silent(tmp_path: Path) -> None:
    begin(tmp_path)
    age(tmp_path, 7200)
    line = judge_host(read_standing(context(tmp_path, "now"), time.time()), {}, [])[0]
    assert (line.component, line.verdict) == ("release", "bad")
    assert "run run-1 is unfinished, night began it" in line.words
    assert "its last step was at work 7200 s ago" in line.words
    assert "nobody is known to be at work" in line.words


@pytest.mark.parametrize("seconds", [-121, 119])
def test_a_lease_that_is_not_over_is_respected(tmp_path: Path, seconds: float) -> None:
    """Also where the sign of life is from the future, as after a clock that was put back."""
    begin(tmp_path)
    age(tmp_path, seconds)
    with pytest.raises(LockHeld, match="less than two minutes"):
        conduct.open_run(context(tmp_path, "run-1"), PLAN, {**FIRST, "dead": []}, resume=True)


def test_a_take_over_that_dies_before_its_first_line_can_be_taken_over(tmp_path: Path) -> None:
    """The epoch is raised and the owner is new, but the ledger does not know it yet."""
    begin(tmp_path)
    Lock(tmp_path).take_over("run-1", {**FIRST, "controller_id": "c1/b/3/4"})
    again = {**FIRST, "dead": ["c1/b/3/4"]}
    assert conduct.open_run(context(tmp_path, "run-1"), PLAN, again, resume=True) == 3
    assert unfinished(read_ledger(tmp_path / "ledger.jsonl").entries) is not None


def test_a_single_phase_needs_no_lock_and_takes_none(tmp_path: Path) -> None:
    begin(tmp_path)
    with open_journal(Run("look", 0, "demo", "host1", tmp_path, exclusive=False)) as journal:
        journal.note("smoke", "smoke")
    assert Lock(tmp_path).epoch() == 1
