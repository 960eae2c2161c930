"""Beginning, taking over, closing and going back: one holder at a time, and no way lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stagegate import conduct, controller, reopening
from stagegate.errors import BadInput, GateRed, LockHeld, Refused
from stagegate.history import runs, unfinished, way_back
from stagegate.journal import Run, open_journal
from stagegate.ledger import read_ledger
from stagegate.lock import Lock

PLAN = {"kind": "deploy", "from": "1.0", "to": "1.1", "digest": "d", "inputs": "i"}
NEXT = {**PLAN, "from": "1.1", "to": "1.2"}
OWNER = {"operator": "night", "controller": "c1", "controller_id": "c1/boot/1/2", "started": "now"}
DEAD = {**OWNER, "controller_id": "c1/boot/9/9", "dead": ["c1/boot/1/2"]}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def context(state: Path, run: str, epoch: int = 0, exclusive: bool = False) -> Run:
    return Run(run, epoch, "demo", "host1", state, exclusive)


def begin(state: Path, run: str = "run-1", plan: dict[str, str] | None = None) -> Run:
    epoch = conduct.open_run(context(state, run), plan or PLAN, OWNER, resume=False)
    return context(state, run, epoch, exclusive=True)


def did(run: Run, *steps: tuple[str, str]) -> None:
    with open_journal(run) as journal:
        for phase, name in steps:
            with journal.step(phase, name) as step:
                step.done()


def test_a_second_run_is_refused_with_the_facts_of_the_first(state: Path) -> None:
    begin(state)
    with pytest.raises(LockHeld) as caught:
        begin(state, "run-2")
    assert "run-1" in caught.value.what
    assert "night on c1" in caught.value.what
    assert "-e resume=run-1" in caught.value.next
    assert "playbooks/rollback.yml" in caught.value.next


def test_each_acquisition_raises_the_epoch_and_the_old_one_is_fenced(state: Path) -> None:
    first = begin(state)
    epoch = conduct.open_run(context(state, "run-1"), PLAN, DEAD, resume=True)
    assert (first.epoch, epoch) == (1, 2)
    with pytest.raises(LockHeld, match="fenced by epoch 2"), open_journal(first):
        pass


def test_a_live_holder_is_not_taken_over(state: Path) -> None:
    begin(state)
    with pytest.raises(LockHeld, match="less than two minutes"):
        conduct.open_run(context(state, "run-1"), PLAN, {**OWNER, "dead": []}, resume=True)


def test_a_silent_holder_is_taken_over(state: Path) -> None:
    begin(state)
    beat = json.loads((state / "heartbeat.json").read_text())
    (state / "heartbeat.json").write_text(json.dumps({**beat, "mono": beat["mono"] - 121}))
    assert conduct.open_run(context(state, "run-1"), PLAN, OWNER, resume=True) == 2


def test_a_heartbeat_of_another_boot_is_silence(state: Path) -> None:
    begin(state)
    (state / "heartbeat.json").write_text(json.dumps({"boot_id": "other", "mono": 1e12}))
    assert conduct.open_run(context(state, "run-1"), PLAN, OWNER, resume=True) == 2


@pytest.mark.parametrize("key", ["to", "digest", "inputs"])
def test_a_run_is_resumed_only_as_what_it_was_begun_as(state: Path, key: str) -> None:
    begin(state)
    with pytest.raises(BadInput, match=f"begun with {key}"):
        conduct.open_run(context(state, "run-1"), {**PLAN, key: "other"}, DEAD, resume=True)


def test_resuming_an_unknown_run_names_the_right_one(state: Path) -> None:
    begin(state)
    with pytest.raises(Refused, match="run-1 is the unfinished one"):
        conduct.open_run(context(state, "run-7"), PLAN, DEAD, resume=True)


def test_a_run_that_went_back_never_goes_forward_again(state: Path) -> None:
    did(begin(state), ("quiesce", "hold"), ("rollback", "hold"))
    with pytest.raises(Refused, match="only go on going back"):
        conduct.open_run(context(state, "run-1"), PLAN, DEAD, resume=True)


def test_closing_frees_the_system_and_closing_twice_adds_nothing(state: Path) -> None:
    run = begin(state)
    first = conduct.close_run(run, "deployed", {})
    assert Lock(state).owner() is None
    assert first[-1]["kind"] == "terminal"
    assert begin(state, "run-2", NEXT).epoch == 2


def test_a_fenced_run_keeps_its_lock(state: Path) -> None:
    conduct.close_run(begin(state), "fenced", {})
    with pytest.raises(LockHeld, match="run-1"):
        begin(state, "run-2")


def test_a_controller_killed_between_terminal_and_unlock_blocks_nobody(state: Path) -> None:
    run = begin(state)
    with open_journal(run) as journal:
        journal.note("report", "close", state={"verdict": "deployed"}, kind="terminal")
    assert begin(state, "run-2", NEXT).epoch == 2


def test_a_controller_killed_between_lock_and_first_entry_is_forgotten(state: Path) -> None:
    conduct.close_run(begin(state, "run-0"), "deployed", {})
    Lock(state).acquire("run-1", OWNER)
    (state / "heartbeat.json").unlink()
    _, way = reopening.reopen_run(context(state, "run-9"), DEAD, False)
    assert way["name"] == "none"
    assert "died before its first act" in way["reason"]
    assert Lock(state).owner() is None


def test_a_lock_that_cannot_be_read_counts_as_held(state: Path) -> None:
    begin(state)
    (state / "lock/owner.json").write_bytes(b"{torn")
    assert Lock(state).owner() == {"run": "unknown"}
    with pytest.raises(LockHeld):
        begin(state, "run-2")


def test_a_full_state_directory_is_not_called_locked(state: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from stagegate.journal import Run
from stagegate import conduct
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
conduct.open_run(Run("r", 0, "demo", "h", Path(sys.argv[1]), False), {}, {}, False)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(state)], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "File too large" in done.stderr
    assert "holds this system" not in done.stderr


def test_a_lock_that_lost_its_owners_record_counts_as_held(state: Path) -> None:
    begin(state)
    (state / "lock/owner.json").unlink()
    assert Lock(state).owner() == {"run": "unknown"}
    with pytest.raises(LockHeld):
        begin(state, "run-2")


@pytest.mark.parametrize("text", ["", "one", "-1", "1.5"])
def test_a_damaged_epoch_is_told_and_taken_for_none(state: Path, text: str) -> None:
    state.mkdir()
    (state / "epoch").write_text(text)
    with pytest.raises(BadInput, match="does not hold a number"):
        begin(state)


def test_a_late_step_of_a_closed_run_is_refused(state: Path) -> None:
    run = begin(state)
    conduct.close_run(run, "deployed", {})
    with pytest.raises(LockHeld, match="nobody holds it"), open_journal(run):
        pass
    Lock(state).acquire("run-2", OWNER)
    (state / "epoch").write_text(f"{run.epoch}\n")
    with pytest.raises(LockHeld, match="run run-2 holds it"), open_journal(run):
        pass


def test_a_command_that_comes_again_after_its_run_has_ended_is_refused(state: Path) -> None:
    conduct.close_run(begin(state), "refused", {})
    with pytest.raises(Refused, match="came twice"):
        begin(state)
    assert Lock(state).owner() is None


def test_a_plan_for_a_release_that_is_no_longer_live_is_refused(state: Path) -> None:
    conduct.close_run(begin(state), "deployed", {})
    with pytest.raises(Refused, match="but run run-1 ended meanwhile"):
        begin(state, "run-2")
    assert Lock(state).owner() is None


def resume(state: Path, run: str, plan: dict[str, str] | None = None) -> Run:
    epoch = conduct.open_run(context(state, run), plan or PLAN, DEAD, resume=True)
    return context(state, run, epoch, exclusive=True)


def test_a_run_is_not_resumed_where_a_later_one_went_on(state: Path) -> None:
    conduct.close_run(begin(state), "deployed", {})
    conduct.close_run(begin(state, "run-2", NEXT), "refused", {})
    conduct.close_run(resume(state, "run-1"), "deployed", {})
    conduct.close_run(begin(state, "run-3", NEXT), "deployed", {})
    with pytest.raises(Refused, match="run run-3 came after it"):
        resume(state, "run-1")


def test_a_run_is_not_resumed_where_an_older_one_was_put_back_meanwhile(state: Path) -> None:
    """It would go forward from a release that is not live any more, and could never go back."""
    conduct.close_run(begin(state), "deployed", {})
    conduct.close_run(begin(state, "run-2", NEXT), "refused", {})
    back, _ = reopening.reopen_run(context(state, "run-3"), DEAD, False)
    conduct.close_run(back, "restored", {})
    with pytest.raises(Refused, match=r"from 1\.1 on .*run-1 was put back meanwhile: 1\.0 is live"):
        resume(state, "run-2", NEXT)
    assert Lock(state).owner() is None


def test_a_host_joins_a_resumed_run_only_from_the_release_that_is_live(state: Path) -> None:
    """It was looked at before another run ended on it."""
    conduct.close_run(begin(state), "deployed", {})
    back, _ = reopening.reopen_run(context(state, "run-2"), DEAD, False)
    conduct.close_run(back, "restored", {})
    with pytest.raises(Refused, match=r"from 1\.1, but run run-1 ended meanwhile: 1\.0 is live"):
        resume(state, "run-3", NEXT)
    assert Lock(state).owner() is None


def test_a_run_that_is_taken_up_again_holds_its_system(state: Path) -> None:
    conduct.close_run(begin(state), "deployed", {})
    resume(state, "run-1")
    left = unfinished(read_ledger(state / "ledger.jsonl").entries)
    assert left is not None
    assert left.id == "run-1"
    with pytest.raises(LockHeld, match="run-1"):
        begin(state, "run-2", NEXT)


@pytest.mark.parametrize(
    ("ended", "verdict", "holder"),
    [("", "", "run-1"), ("deployed", "deployed", None), ("refused", "refused", None)],
)
def test_a_resume_that_is_refused_elsewhere_leaves_the_run_as_it_stood(
    state: Path, ended: str, verdict: str, holder: str | None
) -> None:
    run = begin(state)
    did(run, HOLD, CODE, START)
    if ended:
        conduct.close_run(run, ended, {})
    conduct.close_run(resume(state, "run-1"), "refused", {})
    assert runs(read_ledger(state / "ledger.jsonl").entries)[-1].verdict == verdict
    assert (Lock(state).owner() or {}).get("run") == holder


def test_a_late_step_forward_is_fenced_once_the_run_goes_back(state: Path) -> None:
    run = begin(state)
    held, _ = reopening.reopen_run(run, OWNER, False)
    assert (held.id, held.epoch) == (run.id, run.epoch + 1)
    with pytest.raises(LockHeld, match="is fenced by epoch 2"), open_journal(run):
        pass
    with pytest.raises(LockHeld, match="is fenced by epoch 2"):
        reopening.reopen_run(run, OWNER, False)


def test_a_rollback_leaves_a_host_that_its_run_had_not_reached(state: Path) -> None:
    run = begin(state)
    did(run, HOLD, CODE, START)
    conduct.close_run(run, "deployed", {})
    _, way = reopening.reopen_run(context(state, "run-3"), OWNER, False, ["run-2"])
    assert (way["name"], way["run"]) == ("none", "run-1")
    assert Lock(state).owner() is None


def told(
    holder: str = "", acted: bool = False, effect: str = "", verdict: str = "deployed"
) -> dict[str, Any]:
    """What a host says of itself when its last change is to be put back."""
    change = {"id": effect, "verdict": verdict} if effect else None
    return {"holder": holder, "acted": acted, "effect": change, "last": change}


GOING_BACK = [
    # what the hosts say -> the runs that go back
    ("the newest change", [told(effect="run-1"), told(effect="run-2")], ["run-2"]),
    ("what holds a host", [told(effect="run-1"), told("run-2", effect="run-1")], ["run-2"]),
    ("all that acted", [told("run-2", acted=True), told("run-3", acted=True)], ["run-2", "run-3"]),
    ("what acted, not what only began", [told("run-2", acted=True), told("run-3")], ["run-2"]),
    ("of what only began, the newest", [told("run-2"), told("run-3")], ["run-3"]),
    (
        "what went back elsewhere, whoever took a host since",
        [told(effect="run-1", verdict="restored"), told("run-2", effect="run-1")],
        ["run-1"],
    ),
    (
        "what went back everywhere, and so nothing",
        [told(effect="run-1", verdict="restored"), told(effect="run-1", verdict="restored")],
        ["run-1"],
    ),
    ("nothing", [], []),
]


@pytest.mark.parametrize(
    ("seen", "expected"), [row[1:] for row in GOING_BACK], ids=[row[0] for row in GOING_BACK]
)
def test_a_rollback_over_several_hosts_is_about(
    seen: list[dict[str, Any]], expected: list[str]
) -> None:
    assert reopening.going_back(seen) == expected


def silent(state: Path) -> None:
    (state / "heartbeat.json").unlink()


@pytest.mark.parametrize("resumed", [False, True], ids=["begun", "resumed"])
def test_a_rollback_lets_go_what_only_took_its_host(state: Path, resumed: bool) -> None:
    """And goes on by the run that it is about."""
    first = begin(state)
    did(first, HOLD, CODE, START)
    conduct.close_run(first, "deployed", {})
    begin(state, "run-2", NEXT)
    if resumed:
        resume(state, "run-2", NEXT)
    assert not conduct.observe_host(context(state, "now"))["acted"]
    silent(state)
    held, way = reopening.reopen_run(
        context(state, "run-3"), OWNER, False, ["run-1"], ["run-1", "run-2"]
    )
    assert (held.id, way["name"]) == ("run-1", "R2")
    verdicts = {run.id: run.verdict for run in runs(read_ledger(state / "ledger.jsonl").entries)}
    assert verdicts == {"run-1": "", "run-2": "refused"}


def test_a_rollback_that_was_only_asked_for_stands_aside_for_another(state: Path) -> None:
    conduct.close_run(begin(state), "deployed", {})
    reopening.reopen_run(context(state, "run-2"), OWNER, False)
    silent(state)
    _, way = reopening.reopen_run(context(state, "run-4"), OWNER, False, ["run-3"], ["run-1"])
    assert (way["name"], way["run"]) == ("none", "run-1")
    assert conduct.observe_host(context(state, "now"))["live"] == "1.1"
    assert Lock(state).owner() is None


@pytest.mark.parametrize(("acts", "begun"), [(True, ["run-2"]), (False, [])])
def test_a_rollback_lets_nobody_go_who_is_at_work_or_came_since(
    state: Path, acts: bool, begun: list[str]
) -> None:
    conduct.close_run(begin(state), "deployed", {})
    other = begin(state, "run-2", NEXT)
    if acts:
        did(other, ("release", "stage"))
    silent(state)
    with pytest.raises(Refused, match="run run-2 went to work while this command was on its way"):
        reopening.reopen_run(context(state, "run-3"), OWNER, False, ["run-1"], begun)
    assert (Lock(state).owner() or {})["run"] == "run-2"


def test_a_rollback_lets_nobody_go_who_may_be_alive(state: Path) -> None:
    conduct.close_run(begin(state), "deployed", {})
    begin(state, "run-2", NEXT)
    with pytest.raises(LockHeld, match="less than two minutes ago"):
        reopening.reopen_run(context(state, "run-3"), OWNER, False, ["run-1"], ["run-2"])


def test_a_run_that_did_nothing_does_not_hide_the_change_before_it(state: Path) -> None:
    first = begin(state)
    did(first, HOLD, CODE, START)
    conduct.close_run(first, "deployed", {})
    conduct.close_run(begin(state, "run-2", NEXT), "restored", {})
    told = conduct.observe_host(context(state, "now"))
    assert (told["last"]["id"], told["effect"]["id"]) == ("run-2", "run-1")
    _, way = reopening.reopen_run(context(state, "run-3"), OWNER, False, ["run-2"])
    assert way["name"] == "none", "asked for the newest run, it stays"
    held, _ = reopening.reopen_run(context(state, "run-3"), OWNER, False, ["run-1"])
    assert held.id == "run-1", "asked for the one that went back elsewhere, it goes back too"


def test_smoke_is_green_only_when_exactly_all_pass(state: Path) -> None:
    run = begin(state)
    conduct.judge_smoke(run, "smoke", {"tests": 35, "passed": 35, "failures": []}, 35)
    bad = [
        {"tests": 34, "passed": 34, "failures": []},
        {"tests": 36, "passed": 36, "failures": []},
        {"tests": 35, "passed": 34, "failures": []},
        {"tests": 35, "passed": 34, "failures": [{"name": "t01", "message": "no"}]},
        {},
    ]
    for outcome in bad:
        with pytest.raises(GateRed):
            conduct.judge_smoke(run, "smoke", outcome, 35)
    kinds = [e.kind for e in read_ledger(state / "ledger.jsonl").entries if e.step == "smoke"]
    assert kinds.count("failed") == len(bad)


HOLD, DATA, CODE = ("quiesce", "hold"), ("restart", "activate:m"), ("restart", "activate_release")
START = ("restart", "start")

WAYS = [
    # steps begun, migration class, former release -> way, hold, data, keep, count
    ([("backup", "store:m")], "compatible", "1.0", ("R0", False, False, False, False)),
    ([HOLD], "compatible", "1.0", ("R0", True, True, False, False)),
    ([("rollback", "fence")], "compatible", "1.0", ("R0", True, True, False, False)),
    ([HOLD, ("migrate", "stage:m")], "one_way", "1.0", ("R0", True, True, False, False)),
    ([HOLD, DATA], "one_way", "1.0", ("R1", True, True, False, False)),
    ([HOLD, DATA, CODE], "compatible", "1.0", ("R1", True, True, False, False)),
    ([HOLD, DATA, CODE, START], "compatible", "1.0", ("R2", True, False, True, False)),
    ([HOLD, CODE, START], "one_way", "1.0", ("R2", True, False, False, False)),
    ([HOLD, DATA, CODE, START], "one_way", "1.0", ("R4", True, True, True, True)),
    ([HOLD, DATA, CODE, START], "compatible", "", ("R4", True, True, True, True)),
]


@pytest.mark.parametrize(("steps", "klass", "former", "expected"), WAYS)
def test_the_way_back_is_what_the_ledger_allows(
    state: Path,
    steps: list[tuple[str, str]],
    klass: str,
    former: str,
    expected: tuple[str, bool, bool, bool, bool],
) -> None:
    did(begin(state, plan={**PLAN, "from": former, "migration_class": klass}), *steps)
    way = way_back(unfinished(read_ledger(state / "ledger.jsonl").entries))
    assert (way.name, way.hold, way.data, way.keep, way.count) == expected
    assert way.to == former


APPLY, OPEN = ("migrate", "apply:m"), ("admit", "open")
DATA_HOST = {"serves": False, "in_place": ["m"]}
SHARED = [
    # steps begun, the plan, reached through another host -> way, revert, data
    ([HOLD], {**DATA_HOST, "migration_class": "reversible"}, True, ("R0", False, True)),
    ([HOLD, APPLY], {**DATA_HOST, "migration_class": "reversible"}, False, ("R3", True, True)),
    ([HOLD, APPLY, DATA, START], {**DATA_HOST, "from": ""}, True, ("R2", False, False)),
    ([HOLD, APPLY, DATA, START], DATA_HOST, False, ("R1", False, True)),
    (
        [HOLD, DATA, START],
        {"serves": False, "migration_class": "one_way"},
        False,
        ("R1", False, True),
    ),
    (
        [HOLD, DATA, START],
        {"serves": False, "migration_class": "one_way"},
        True,
        ("R4", False, True),
    ),
    ([HOLD, CODE, START], {"doors": "haproxy"}, False, ("R1", False, True)),
    ([HOLD, CODE, START, OPEN], {"doors": "haproxy"}, False, ("R2", False, False)),
]


@pytest.mark.parametrize(("steps", "more", "elsewhere", "expected"), SHARED)
def test_a_shared_store_goes_back_by_what_all_its_hosts_did(
    state: Path,
    steps: list[tuple[str, str]],
    more: dict[str, Any],
    elsewhere: bool,
    expected: tuple[str, bool, bool],
) -> None:
    did(begin(state, plan={**PLAN, "from": "1.0", **more}), *steps)
    way = way_back(unfinished(read_ledger(state / "ledger.jsonl").entries), elsewhere)
    assert (way.name, way.revert, way.data) == expected


def test_a_finished_deployment_is_opened_again_under_its_own_id_to_go_back(state: Path) -> None:
    run = begin(state)
    did(run, HOLD, CODE, START)
    conduct.close_run(run, "deployed", {})
    held, way = reopening.reopen_run(context(state, "run-2"), OWNER, False)
    assert (held.id, held.epoch, held.exclusive, way["name"]) == ("run-1", 2, True, "R2")
    did(held, ("rollback", "hold"))
    conduct.close_run(held, "restored", {})
    summary = runs(read_ledger(state / "ledger.jsonl").entries)[-1]
    assert summary.verdict == "restored"
    assert conduct.observe_host(held)["live"] == "1.0"


def test_going_back_twice_or_from_nothing_does_nothing(state: Path) -> None:
    assert reopening.reopen_run(context(state, "run-0"), OWNER, False)[1]["name"] == "none"
    conduct.close_run(begin(state), "restored", {})
    assert reopening.reopen_run(context(state, "run-2"), OWNER, False)[1]["name"] == "none"
    assert Lock(state).owner() is None


def test_a_killed_rollback_is_taken_over_as_a_rollback(state: Path) -> None:
    did(begin(state), HOLD, CODE, START, ("rollback", "hold"))
    held, way = reopening.reopen_run(context(state, "run-2"), DEAD, False)
    assert (held.id, way["name"]) == ("run-1", "R2")


def test_a_noop_takes_no_lock_and_is_written_down(state: Path) -> None:
    epoch = conduct.open_run(context(state, "run-1"), {**PLAN, "noop": True}, OWNER, resume=False)
    assert epoch == 0
    assert Lock(state).owner() is None
    assert [e.step for e in read_ledger(state / "ledger.jsonl").entries] == ["noop"]


def test_only_a_process_of_this_machine_is_known_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    held = controller.owner(child.pid)
    assert controller.with_dead({}, held)["dead"] == []
    child.communicate(b"\n")
    assert controller.with_dead({}, held)["dead"] == [held["controller_id"]]
    assert controller.with_dead({}, {"controller_id": "elsewhere/b/1/2"})["dead"] == []
    assert controller.with_dead({}, None)["dead"] == []
