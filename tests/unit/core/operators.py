"""Operators as real processes, let go at the same moment, and what the tests ask of them."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stagegate import conduct
from stagegate.errors import StagegateError
from stagegate.history import last_change, live_release
from stagegate.journal import Run, open_journal
from stagegate.ledger import read_ledger

PLAN = {"kind": "deploy", "from": "1.0", "to": "1.1", "digest": "d", "inputs": "i"}
FIRST = {"operator": "night", "controller": "c1", "controller_id": "c1/b/1/2", "started": "then"}
KNOWS_IT_DEAD = {**FIRST, "controller_id": "c1/b/9/9", "dead": ["c1/b/1/2"]}
FORK = multiprocessing.get_context("fork")
PATIENCE = 60.0
"""Seconds within which every operator has done its act, and been told."""
CLOSE = 0.001
"""Seconds between two starts that count as the same moment."""


def context(state: Path, run: str, epoch: int = 0) -> Run:
    return Run(run, epoch, "demo", "host1", state, exclusive=epoch > 0)


def begin(state: Path, run: str = "run-1", owner: dict[str, Any] = FIRST) -> Run:
    """Begin a run with a plan that is made for what is live now."""
    live = live_release(last_change(read_ledger(state / "ledger.jsonl").entries))
    plan = {**PLAN, "from": live or PLAN["from"]}
    return context(state, run, conduct.open_run(context(state, run), plan, owner, resume=False))


def begin_as(state: Path, name: str) -> int:
    return begin(state, f"run-{name}", {**FIRST, "operator": name}).epoch


def resume_as(state: Path, name: str, run: str = "run-1") -> int:
    owner = {**KNOWS_IT_DEAD, "operator": name, "controller_id": f"c1/b/{name}/1"}
    return conduct.open_run(context(state, run), PLAN, owner, resume=True)


def do_step(run: Run, data: Path, name: str = "stage:memory") -> None:
    with open_journal(run) as journal, journal.step("migrate", name) as step:
        with data.open("a") as handle:
            handle.write(f"{run.epoch} {name}\n")
        step.done()


@dataclass(frozen=True)
class Told:
    """What one operator was told: its epoch, or the parts of its refusal; and when it began."""

    name: str
    began: float
    epoch: int = 0
    error: dict[str, Any] | None = None


Act = Callable[[Path, str], Any]


def operate(name: str, act: Act, places: Sequence[Path], meet: Any, go: Any, told: Any) -> None:
    for place in places:
        meet.wait()
        while time.monotonic() < go.value:
            pass
        began = time.monotonic()
        try:
            told.send(Told(name, began, act(place, name) or 0))
        except StagegateError as error:
            told.send(Told(name, began, 0, {**error.parts(), "kind": type(error).__name__}))


def race(places: Sequence[Path], acts: dict[str, Act]) -> list[dict[str, Told]]:
    """What each of the operators was told at each place, where all begin at one moment."""
    go = FORK.Value("d", 0.0)

    def set_moment() -> None:
        go.value = time.monotonic() + 0.002

    meet = FORK.Barrier(len(acts), action=set_moment)
    ends, people = {}, []
    for name, act in acts.items():
        ends[name], theirs = FORK.Pipe(duplex=False)
        people.append(FORK.Process(target=operate, args=(name, act, places, meet, go, theirs)))
        people[-1].start()
        theirs.close()  # so that an operator that died ends the waiting for its word
    try:
        return [{name: hear(end) for name, end in ends.items()} for _ in places]
    finally:
        for person in people:
            person.kill()
            person.join()


def hear(end: Any) -> Told:
    """What an operator was told next; an error where it died, or says nothing."""
    if not end.poll(PATIENCE):
        raise TimeoutError(f"an operator said nothing within {PATIENCE:g} s")
    told: Told = end.recv()
    return told


def at_one_moment(told: dict[str, Told]) -> bool:
    began = [one.began for one in told.values()]
    return max(began) - min(began) < CLOSE


def holder(state: Path) -> dict[str, Any]:
    owner: dict[str, Any] = json.loads((state / "lock/owner.json").read_text())
    return owner


def everything(*places: Path) -> dict[str, bytes]:
    """The content of every file below some places, and where every link leads."""
    found = {}
    for place in places:
        for path in sorted(place.rglob("*")):
            if path.is_symlink():
                found[str(path)] = str(path.readlink()).encode()
            else:
                found[str(path)] = path.read_bytes() if path.is_file() else b"<directory>"
    return found
