"""Two people at once: one goes on, the other has changed nothing and knows what to do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stagegate import conduct
from stagegate.errors import LockHeld
from stagegate.history import unfinished
from stagegate.ledger import Entry, read_ledger
from stagegate.lock import Lock
from tests.unit.core.operators import (
    KNOWS_IT_DEAD,
    PLAN,
    Told,
    at_one_moment,
    begin,
    begin_as,
    context,
    do_step,
    everything,
    holder,
    race,
    resume_as,
)

ROOT = Path(__file__).parents[3]
WANTED, ALLOWED = 200, 4000
"""Races that must have begun within a millisecond, and how many may be run until there are so many:
on a busy machine a process may come late, and then it was no race."""


def entries(state: Path) -> tuple[Entry, ...]:
    return read_ledger(state / "ledger.jsonl").entries


def assert_one_won(state: Path, told: dict[str, Told]) -> None:
    winners = [name for name, one in told.items() if one.error is None]
    assert len(winners) == 1, told
    (winner,) = winners
    assert told[winner].epoch == 1
    assert [(e.run, e.epoch, e.step) for e in entries(state)] == [(f"run-{winner}", 1, "open")]
    assert holder(state)["run"] == f"run-{winner}"
    for loser in set(told) - {winner}:
        error = told[loser].error or {}
        assert (error["kind"], error["code"]) == ("LockHeld", 11)
        assert (
            f"run-{winner} holds this system (epoch 1, started by {winner} on c1" in error["what"]
        )
        assert "at then; its last step was at work 0 s ago" in error["what"]
        assert f"-e resume=run-{winner}" in error["next"]
        assert "playbooks/rollback.yml" in error["next"]
        name = f"run-{loser}"
        traces = [p for p, raw in everything(state).items() if name in p or name.encode() in raw]
        assert traces == [], "the loser left something behind"


@pytest.mark.parametrize("people", [("anna", "bert"), ("anna", "bert", "cleo")])
def test_of_those_who_begin_at_the_same_moment_exactly_one_wins(
    tmp_path: Path, people: tuple[str, ...]
) -> None:
    close = raced = 0
    wanted = WANTED if len(people) == 2 else WANTED // 10
    while close < wanted and raced < ALLOWED:
        places = [tmp_path / f"{raced + number}" for number in range(50)]
        for state, told in zip(places, race(places, dict.fromkeys(people, begin_as))):
            assert_one_won(state, told)
            shutil.rmtree(state)  # each holds the room that a run sets aside
            close += at_one_moment(told)
        raced += len(places)
    assert close >= wanted, f"of {raced} races only {close} began within a millisecond"


def test_of_two_who_resume_a_killed_run_exactly_one_goes_on(tmp_path: Path) -> None:
    places = [tmp_path / str(number) for number in range(50)]
    for state in places:
        begin(state)
    for state, told in zip(places, race(places, {"anna": resume_as, "bert": resume_as})):
        won = [name for name, one in told.items() if one.error is None]
        assert len(won) == 1, told
        assert told[won[0]].epoch == 2
        assert (holder(state)["operator"], holder(state)["epoch"]) == (won[0], 2)
        assert [e.step for e in entries(state)] == ["open", "resume"]
        (error,) = [one.error for one in told.values() if one.error is not None]
        assert error["kind"] == "LockHeld"
        assert f"started by {won[0]}" in error["what"]


def test_a_waking_step_and_a_take_over_never_overlap(tmp_path: Path) -> None:
    """Either the step is whole before the take-over, or it is fenced and has done nothing."""
    places = [tmp_path / str(number) for number in range(60)]
    for state in places:
        begin(state)

    def wake(state: Path, name: str) -> int:
        do_step(context(state, "run-1", 1), state / "data")
        return 1

    for state, told in zip(places, race(places, {"sleeper": wake, "next": resume_as})):
        assert told["next"].epoch == 2, told
        steps = [f"{e.epoch} {e.step} {e.kind}" for e in entries(state)]
        fenced = told["sleeper"].error
        if fenced is None:
            assert steps[1:3] == ["1 stage:memory intent", "1 stage:memory done"]
        else:
            assert "is fenced by epoch 2" in fenced["what"]
            assert not (state / "data").exists()
        assert steps[-1] == "2 resume observed"


def test_who_begins_while_another_ends_begins_after_it_or_not_at_all(tmp_path: Path) -> None:
    places = [tmp_path / str(number) for number in range(60)]
    for state in places:
        begin(state)

    def end(state: Path, name: str) -> int:
        conduct.close_run(context(state, "run-1", 1), "deployed", {})
        return 1

    for state, told in zip(places, race(places, {"first": end, "anna": begin_as})):
        assert told["first"].error is None, told
        steps = [(e.run, e.step) for e in entries(state)]
        closed = [("run-1", "open"), ("run-1", "close")]
        if told["anna"].error is None:
            assert steps == [*closed, ("run-anna", "open")]
            assert holder(state)["epoch"] == 2
        else:
            refused = told["anna"].error["what"]
            assert "run run-1 holds this system" in refused or "ended meanwhile" in refused
            assert steps == closed
            assert Lock(state).owner() is None
            assert begin_as(state, "anna") == 2, "afterwards the system is free"


def test_of_two_modules_at_once_one_wins_and_the_other_names_it(tmp_path: Path) -> None:
    state = tmp_path / "state"

    def module(name: str) -> dict[str, object]:
        run = {"id": f"run-{name}", "epoch": 0, "system": "demo", "host": "h", "state": str(state)}
        owner = {"operator": name, "controller": "c1", "controller_id": name, "started": "then"}
        wanted = {"action": "open", "run": run, "plan": PLAN, "owner": owner}
        done = subprocess.run(
            ["ansible", "localhost", "-i", "localhost,", "-c", "local", "-m", "run_ledger",
             "-e", f"ansible_python_interpreter={sys.executable}", "-a", json.dumps(wanted)],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal",
                 "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
            capture_output=True,
            text=True,
        )  # fmt: skip
        said = json.loads(done.stdout.partition("=> ")[2])
        return {"name": name, "rc": done.returncode, **said}

    with ThreadPoolExecutor() as pool:
        told = sorted(pool.map(module, ["anna", "bert"]), key=lambda one: one["rc"] != 0)
    winner, loser = told
    assert (winner["rc"], winner["run"]["epoch"]) == (0, 1)
    assert loser["rc"] != 0
    assert f"run run-{winner['name']} holds this system" in loser["msg"]
    assert f"-e resume=run-{winner['name']}" in loser["stagegate"]["next"]
    assert [e.run for e in entries(state)] == [f"run-{winner['name']}"]


def test_a_second_take_over_of_the_same_run_is_refused_by_name(tmp_path: Path) -> None:
    begin(tmp_path)
    resume_as(tmp_path, "anna")
    with pytest.raises(LockHeld, match="started by anna"):
        conduct.open_run(context(tmp_path, "run-1"), PLAN, KNOWS_IT_DEAD, resume=True)
    assert unfinished(entries(tmp_path)) is not None
