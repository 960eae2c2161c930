"""Every refusal of the core names a command that exists, and that leads to an end."""

from __future__ import annotations

import ast
import contextlib
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stagegate import conduct, errors, parts, reopening, unlocking
from stagegate.errors import StagegateError
from stagegate.history import last_change, live_release, unfinished
from stagegate.journal import Run, open_journal
from stagegate.ledger import read_ledger
from stagegate.lock import Lock
from stagegate.status import read_standing
from stagegate.step_lock import step_lock
from tests.unit.core.operators import (
    FIRST,
    KNOWS_IT_DEAD,
    PLAN,
    begin,
    context,
    do_step,
    resume_as,
)
from tests.unit.core.test_fence import age
from tests.unit.core.test_locks import silent, spoil

ROOT = Path(__file__).parents[3]
CORE = ROOT / "plugins/module_utils/stagegate"
SPEAKERS = (
    "conduct", "journal", "ledger", "lock", "parts", "reopening", "taking", "trouble", "unlocking",
)  # fmt: skip
COMMAND = re.compile(
    r"ansible-playbook (\S+\.yml) -i <inventory>((?: -e \w+=(?:<[^>]+>|[^\s,;]+))*)"
)
GIVEN = re.compile(r"-e (\w+)=(<[^>]+>|[^\s,;]+)")
Act = Callable[[Path], Any]


@dataclass(frozen=True)
class Refusal:
    """What was done before, what is then refused, and what a hand repairs before the next try."""

    words: str
    before: Act
    tried: Act
    repair: Act | None = None


def nothing(state: Path) -> None:
    state.mkdir(exist_ok=True)


def killed(state: Path) -> None:
    do_step(begin(state), state.parent / "data")


def going_back(state: Path) -> None:
    killed(state)
    with open_journal(context(state, "run-1", 1)) as journal:
        with journal.step("quiesce", "hold") as step:
            step.done()
        with journal.step("rollback", "hold") as step:
            step.done()


def fenced(state: Path) -> None:
    conduct.close_run(begin(state), "fenced", {})


def deployed(state: Path) -> None:
    conduct.close_run(begin(state, "run-0"), "deployed", {})


def with_epoch(text: str) -> Act:
    def act(state: Path) -> None:
        deployed(state)
        (state / "epoch").write_text(text)

    return act


def with_lock(name: str) -> Act:
    def act(state: Path) -> None:
        deployed(state)
        spoil(state, name)
        silent(state)

    return act


def with_line(**changed: object) -> Act:
    def act(state: Path) -> None:
        deployed(state)
        place = state / "ledger.jsonl"
        shutil.copy(place, state / "kept")
        first, *others = place.read_bytes().splitlines(keepends=True)
        place.write_bytes(json.dumps({**json.loads(first), **changed}).encode() + b"\n")
        with place.open("ab") as handle:
            handle.writelines(others)

    return act


def with_link(state: Path) -> None:
    (state / "ledger.jsonl").rename(state / "kept")
    (state / "ledger.jsonl").symlink_to("kept")


def bring_back(state: Path) -> None:
    (state / "kept").rename(state / "ledger.jsonl")


def with_second_name(state: Path) -> None:
    (state / "second").hardlink_to(state / "ledger.jsonl")


def take_second_name(state: Path) -> None:
    (state / "second").unlink()


def lost_entry(state: Path) -> None:
    with open_journal(context(state, "run-1", 1)) as journal:
        with_second_name(state)
        journal.note("smoke", "smoke")


AT_WORK = contextlib.ExitStack()
"""Steps that are still at work."""


def another_at_work(state: Path) -> None:
    killed(state)
    AT_WORK.enter_context(step_lock(state))


def begin_step(state: Path) -> None:
    with step_lock(state, 0.05):
        pass


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    """No step outlives its test."""
    yield
    AT_WORK.close()


def stranger(state: Path) -> int:
    return conduct.open_run(
        context(state, "run-1"), PLAN, {**FIRST, "controller_id": "c2/b/1/1", "dead": []}, True
    )


def resume_as_other(state: Path) -> int:
    return conduct.open_run(context(state, "run-1"), {**PLAN, "to": "2.0"}, KNOWS_IT_DEAD, True)


def missing_file(state: Path) -> None:
    with open_journal(context(state, "run-1", 1)) as journal, journal.step("backup", "store:x"):
        (state / "nowhere").read_bytes()


def red_smoke(state: Path) -> None:
    conduct.judge_smoke(context(state, "run-1", 1), "smoke", {"tests": 1, "passed": 0}, 1)


def wait(state: Path) -> None:
    age(state, 121)


def right_epoch(state: Path) -> None:
    highest = max(entry.epoch for entry in read_ledger(state / "ledger.jsonl").entries)
    (state / "epoch").write_text(f"{highest}\n")


def part(state: Path, run: str = "run-1") -> None:
    parts.refuse_part_too_early(context(state, run), ["restart"])


def unlock_other(state: Path) -> None:
    unlocking.unlock(context(state, "now"), "run-0", FIRST)


def with_plan_from(state: Path) -> None:
    deployed(state)
    (state.parent / "from").write_text("0.9")


def begin_from(state: Path) -> int:
    plan = {**PLAN, "from": (state.parent / "from").read_text()}
    return conduct.open_run(context(state, "run-1"), plan, FIRST, resume=False)


def plan_again(state: Path) -> None:
    (state.parent / "from").write_text(conduct.observe_host(context(state, "now"))["live"])


def passed(state: Path) -> None:
    deployed(state)
    conduct.close_run(begin(state), "deployed", {})


def put_back_below(state: Path) -> None:
    deployed(state)
    conduct.close_run(begin(state), "refused", {})
    back, _ = reopening.reopen_run(context(state, "run-2"), FIRST, False)
    conduct.close_run(back, "restored", {})


def reopen_unaware(state: Path) -> None:
    """A rollback that was decided on before run-1 began."""
    reopening.reopen_run(context(state, "now"), KNOWS_IT_DEAD, False, ["run-0"], [])


REFUSALS = [
    Refusal("run run-1 holds this system", killed, lambda s: begin(s, "run-2")),
    Refusal("run run-1 holds this system", fenced, lambda s: begin(s, "run-2")),
    Refusal("run run-1 holds this system", fenced, lambda s: resume_as(s, "day")),
    Refusal("run unknown holds this system", with_lock("garbage"), begin),
    Refusal("run unknown holds this system", with_lock("of a newer version"), begin),
    Refusal("is that of run unknown, not of run-0", with_lock("empty"), unlock_other),
    Refusal("does not hold a number", with_epoch("seven"), begin, right_epoch),
    Refusal("run-1 is the unfinished one", killed, lambda s: resume_as(s, "day", "run-7")),
    Refusal("unknown is the unfinished one", with_lock("empty"), lambda s: resume_as(s, "day")),
    Refusal(
        "run-1 is the unfinished one",
        killed,
        lambda s: parts.refuse_unknown_run(context(s, "run-7"), ["run-1"]),
    ),
    Refusal(
        "no run run-7 to resume",
        deployed,
        lambda s: parts.refuse_unknown_run(context(s, "run-7"), []),
    ),
    Refusal("restart on host1 is a part of a run", deployed, part),
    Refusal("restart on host1 is a part of a run", killed, lambda s: part(s, "run-7")),
    Refusal("must wait: run run-1 has not done quiesce.hold", killed, part),
    Refusal("was at work less than two minutes ago", killed, stranger, wait),
    Refusal("can only go on going back", going_back, lambda s: resume_as(s, "day")),
    Refusal("was begun with to '1.1', this command says '2.0'", killed, resume_as_other),
    Refusal(
        "another step is still at work", another_at_work, begin_step, lambda s: AT_WORK.close()
    ),
    Refusal(
        "is fenced by epoch 2",
        lambda s: (killed(s), resume_as(s, "day")),
        lambda s: do_step(context(s, "run-1", 1), s / "data"),
    ),
    Refusal("is damaged at line 1", with_line(run="run-x"), begin, bring_back),
    Refusal("is of another version at line 1", with_line(v=2), begin, bring_back),
    Refusal("cannot be written: the ledger is no file", killed, lost_entry, take_second_name),
    Refusal(
        "cannot be used: the ledger is no file",
        lambda s: (deployed(s), with_second_name(s)),
        begin,
        take_second_name,
    ),
    Refusal(
        "cannot be trusted: it is no ordinary file",
        lambda s: (deployed(s), with_link(s)),
        begin,
        lambda s: ((s / "ledger.jsonl").unlink(), bring_back(s)),
    ),
    Refusal("backup.store:x on host1: ", killed, missing_file),
    Refusal("smoke on host1: 0 of 1 passed", killed, red_smoke, lambda s: None),
    Refusal("this command came twice", deployed, lambda s: begin(s, "run-0")),
    Refusal("run run-0 ended meanwhile", with_plan_from, begin_from, plan_again),
    Refusal("and run run-1 came after it", passed, lambda s: resume_as(s, "day", "run-0")),
    Refusal("run run-0 was put back meanwhile", put_back_below, lambda s: resume_as(s, "day")),
    Refusal("run run-1 went to work while this command was on its way", killed, reopen_unaware),
    Refusal("the run context is incomplete", nothing, lambda s: Run.from_params({"id": "run-1"})),
]


def refused(refusal: Refusal, state: Path) -> StagegateError:
    refusal.before(state)
    with pytest.raises(StagegateError, match=re.escape(refusal.words)) as caught:
        refusal.tried(state)
    return caught.value


def variables() -> set[str]:
    """What the command line may give, as the check of the input knows it."""
    tree = ast.parse((ROOT / "plugins/action/system_validate.py").read_text())
    (known,) = [
        ast.literal_eval(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "OURS"
    ]
    return set(known)


def named(refusal: Refusal) -> str:
    return refusal.words


@pytest.mark.parametrize("refusal", REFUSALS, ids=named)
def test_a_refusal_has_four_parts_and_names_only_what_exists(
    tmp_path: Path, refusal: Refusal
) -> None:
    error = refused(refusal, tmp_path / "state")
    assert all(str(part).strip() for part in error.parts().values()), error.parts()
    assert error.next.count("ansible-playbook") == len(COMMAND.findall(error.next)), error.next
    for playbook, given in COMMAND.findall(error.next):
        assert (ROOT / playbook).is_file(), playbook
        names = {name for name, _ in GIVEN.findall(given)}
        assert names <= variables()
        assert (playbook == "deploy.yml") == ("release_version" in names)
        assert "?" not in given
        assert "None" not in given
    assert COMMAND.search(error.next) or refusal.repair, "nothing is named that could be done"


def obey(state: Path, playbook: str, given: dict[str, str]) -> None:
    """Do on the host what a command of the message stands for, as a controller that is alive."""
    day = {**KNOWS_IT_DEAD, "operator": "day", "controller_id": "c1/b/5/5"}
    day["dead"] = ["c1/b/1/2", "c1/b/day/1"]
    if playbook == "playbooks/status.yml":
        assert read_standing(context(state, "now"), 0.0)["unfinished"] == "run-1"
        return
    if playbook == "playbooks/rollback.yml":
        held, _ = reopening.reopen_run(context(state, "run-9"), day, False)
        conduct.close_run(held, "restored", {})
    elif playbook == "playbooks/unlock.yml":
        assert unlocking.unlock(context(state, "now"), given["unlock"], day)
    else:
        version = given["release_version"]
        live = live_release(last_change(read_ledger(state / "ledger.jsonl").entries)) or "1.0"
        plan = {**PLAN, "from": live, "to": "1.1" if version.startswith("<") else version}
        run = context(state, given.get("resume", "run-9"))
        if "resume" in given:
            parts.refuse_unknown_run(run, [])
        epoch = conduct.open_run(run, plan, day, "resume" in given)
        do_step(context(state, run.id, epoch), state.parent / "data")
        conduct.close_run(context(state, run.id, epoch), "deployed", {})
    assert unfinished(read_ledger(state / "ledger.jsonl").entries) is None
    assert Lock(state).owner() is None


@pytest.mark.parametrize("refusal", REFUSALS, ids=named)
def test_whoever_does_what_a_refusal_says_comes_to_an_end(tmp_path: Path, refusal: Refusal) -> None:
    state = tmp_path / "state"
    error = refused(refusal, state)
    if refusal.repair is not None:
        refusal.repair(state)
    for number, (playbook, given) in enumerate(COMMAND.findall(error.next)):
        copied = tmp_path / str(number)
        shutil.copytree(state, copied, symlinks=True)
        obey(copied, playbook, dict(GIVEN.findall(given)))
    if "the same command" in error.next and "ansible-playbook" not in error.next:
        refusal.tried(state)


def constructions() -> set[tuple[str, int, int]]:
    """Where the core makes an error: file, first and last line."""
    kinds = {name for name, one in vars(errors).items() if isinstance(one, type)}
    return {
        (name, node.lineno, node.end_lineno or node.lineno)
        for name in SPEAKERS
        for node in ast.walk(ast.parse((CORE / f"{name}.py").read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in kinds
    }


def test_no_refusal_of_the_core_is_missing_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: set[tuple[str, int]] = set()
    original = StagegateError.__init__

    def seen(self: StagegateError, *args: Any, **kwargs: Any) -> None:
        frame = sys._getframe(1)
        made.add((Path(frame.f_code.co_filename).stem, frame.f_lineno))
        original(self, *args, **kwargs)

    monkeypatch.setattr(StagegateError, "__init__", seen)
    for number, refusal in enumerate(REFUSALS):
        refused(refusal, tmp_path / str(number))
    missing = {
        f"{name}.py:{first}"
        for name, first, last in constructions()
        if not any(name == stem and first <= line <= last for stem, line in made)
    }
    assert missing == set()
