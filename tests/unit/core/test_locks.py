"""A lock that cannot be read is held; whose run never acted is freed by a person's word alone."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from stagegate import conduct, reopening, unlocking
from stagegate.clock import SystemClock
from stagegate.errors import LockHeld, Refused
from stagegate.history import unfinished
from stagegate.journal import open_journal
from stagegate.ledger import read_ledger
from stagegate.lock import Lock
from tests.unit.core.operators import (
    FIRST,
    KNOWS_IT_DEAD,
    PLAN,
    begin,
    context,
    everything,
    resume_as,
)

NEWER = {**FIRST, "v": 2, "run": "run-9", "epoch": 7}
UNREADABLE = {
    "truncated": b'{"run": "run-0", "ep',
    "empty": b"",
    "garbage": bytes(range(256)),
    "no object": b'["run-0"]',
    "a run that is no text": b'{"run": 7}',
    "nothing but brackets": b"[" * 3000,
    "of a newer version": json.dumps(NEWER).encode(),
}


def silent(state: Path) -> None:
    (state / "heartbeat.json").unlink(missing_ok=True)


def spoil(state: Path, name: str) -> None:
    """Put an unreadable record into the lock, which is there or is made."""
    lock = state / "lock"
    lock.mkdir(exist_ok=True)
    (lock / "owner.json").write_bytes(UNREADABLE[name])


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_unreadable_lock_is_held_until_a_person_names_it(tmp_path: Path, name: str) -> None:
    conduct.close_run(begin(tmp_path, "run-0"), "deployed", {})
    spoil(tmp_path, name)
    before = everything(tmp_path)
    with pytest.raises(LockHeld) as caught:
        begin(tmp_path)
    assert "run unknown holds this system" in caught.value.what
    assert "cannot be read" in caught.value.now
    assert "playbooks/unlock.yml -i <inventory> -e unlock=unknown" in caught.value.next
    with pytest.raises(LockHeld, match="run unknown"):
        conduct.observe_host(context(tmp_path, "run-1"), expect_free=True)
    with pytest.raises(Refused, match="unknown is the unfinished one"):
        conduct.open_run(context(tmp_path, "run-1"), PLAN, KNOWS_IT_DEAD, resume=True)
    with pytest.raises(LockHeld, match="at work less than two minutes ago"):
        unlocking.unlock(context(tmp_path, "now"), "unknown", {**FIRST, "dead": []})
    silent(tmp_path)
    with pytest.raises(Refused, match="is that of run unknown, not of run-0"):
        unlocking.unlock(context(tmp_path, "now"), "run-0", FIRST)
    after = everything(tmp_path)
    assert {n: r for n, r in before.items() if "heartbeat" not in n} == after
    assert unlocking.unlock(context(tmp_path, "now"), "unknown", FIRST) is True
    last = read_ledger(tmp_path / "ledger.jsonl").entries[-1]
    assert (last.phase, last.step) == ("preflight", "unlock")
    assert last.evidence["owner"]["operator"] == "night"
    assert last.evidence["freed"] == UNREADABLE[name].decode("utf-8", "backslashreplace")
    assert unlocking.unlock(context(tmp_path, "now"), "unknown", FIRST) is False
    assert begin(tmp_path).epoch == 2


@pytest.mark.parametrize("what", ["a file", "an empty directory", "a link that leads nowhere"])
def test_whatever_stands_in_place_of_the_lock_is_held_and_can_be_freed(
    tmp_path: Path, what: str
) -> None:
    lock = tmp_path / "lock"
    if what == "a file":
        lock.write_text("mine")
    elif what == "an empty directory":
        lock.mkdir()
    else:
        lock.symlink_to("nowhere")
    with pytest.raises(LockHeld, match="run unknown"):
        begin(tmp_path)
    assert unlocking.unlock(context(tmp_path, "now"), "unknown", FIRST) is True
    assert begin(tmp_path).epoch == 1


@pytest.mark.parametrize("name", UNREADABLE)
def test_the_ledger_names_the_unfinished_run_of_an_unreadable_lock(
    tmp_path: Path, name: str
) -> None:
    run = begin(tmp_path)
    with open_journal(run) as journal, journal.step("quiesce", "hold") as step:
        step.done()
    spoil(tmp_path, name)
    silent(tmp_path)
    with pytest.raises(LockHeld, match="run run-1 holds this system") as caught:
        begin(tmp_path, "run-2")
    assert "-e release_version=1.1 -e resume=run-1" in caught.value.next
    with pytest.raises(LockHeld, match="run run-1 holds this system"):
        unlocking.unlock(context(tmp_path, "now"), "unknown", FIRST)
    assert resume_as(tmp_path, "day") == 2


@pytest.mark.parametrize("what", ["file", "link"])
def test_what_stands_in_place_of_the_lock_of_an_unfinished_run_is_kept_beside_it(
    tmp_path: Path, what: str
) -> None:
    begin(tmp_path)
    silent(tmp_path)
    shutil.rmtree(tmp_path / "lock")
    (tmp_path / "elsewhere").mkdir()
    if what == "file":
        (tmp_path / "lock").write_text("mine")
    else:
        (tmp_path / "lock").symlink_to("elsewhere")
    assert resume_as(tmp_path, "day") == 2
    assert json.loads((tmp_path / "lock/owner.json").read_text())["operator"] == "day"
    assert os.path.lexists(tmp_path / "lock.2.kept")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_an_unreadable_lock_does_not_hide_what_must_go_back(tmp_path: Path) -> None:
    run = begin(tmp_path)
    with open_journal(run) as journal, journal.step("quiesce", "hold") as step:
        step.done()
    spoil(tmp_path, "garbage")
    silent(tmp_path)
    held, way = reopening.reopen_run(context(tmp_path, "run-2"), FIRST, False)
    assert (held.id, held.epoch, way["name"]) == ("run-1", 2, "R0")


def test_a_lock_left_behind_by_a_finished_run_bars_neither_the_next_nor_the_way_back(
    tmp_path: Path,
) -> None:
    run = begin(tmp_path)
    with open_journal(run) as journal:
        for name in ("hold", "activate"):
            with journal.step("quiesce", name) as step:
                step.done()
        journal.note("report", "close", state={"verdict": "deployed"}, kind="terminal")
    held, way = reopening.reopen_run(context(tmp_path, "run-2"), {**FIRST, "dead": []}, False)
    assert (held.id, held.epoch, way["name"]) == ("run-1", 2, "R0")


def end_without_freeing(state: Path, verdict: str) -> None:
    """A run that is killed between its terminal entry and the release of its lock."""
    with open_journal(begin(state)) as journal:
        journal.note("report", "close", state={"verdict": verdict}, kind="terminal")


def test_a_command_with_nothing_to_do_frees_what_an_ended_run_left_held(tmp_path: Path) -> None:
    end_without_freeing(tmp_path, "deployed")
    plan = {**PLAN, "from": "1.1", "noop": True}
    assert conduct.open_run(context(tmp_path, "run-2"), plan, FIRST, resume=False) == 0
    assert Lock(tmp_path).owner() is None
    assert not (tmp_path / "reserve").exists()


def test_a_rollback_with_nothing_to_put_back_frees_it_too(tmp_path: Path) -> None:
    end_without_freeing(tmp_path, "restored")
    assert reopening.reopen_run(context(tmp_path, "run-2"), FIRST, False)[1]["name"] == "none"
    assert Lock(tmp_path).owner() is None
    assert not (tmp_path / "reserve").exists()


@pytest.mark.parametrize("verdict", ["fenced", ""])
def test_a_command_with_nothing_to_do_leaves_what_is_held(tmp_path: Path, verdict: str) -> None:
    if verdict:
        conduct.close_run(begin(tmp_path), verdict, {})
    else:
        begin(tmp_path)
    plan = {**PLAN, "noop": True}
    conduct.open_run(context(tmp_path, "run-2"), plan, FIRST, resume=False)
    assert (Lock(tmp_path).owner() or {})["run"] == "run-1"


def test_a_fenced_run_is_only_ever_put_back(tmp_path: Path) -> None:
    conduct.close_run(begin(tmp_path), "fenced", {})
    silent(tmp_path)
    for act in (
        lambda: begin(tmp_path, "run-2"),
        lambda: resume_as(tmp_path, "day"),
        lambda: unlocking.unlock(context(tmp_path, "now"), "run-1", FIRST),
    ):
        with pytest.raises(LockHeld, match="run run-1 holds this system") as caught:
            act()
        assert caught.value.next == (
            "put it back: ansible-playbook playbooks/rollback.yml -i <inventory>"
        )
    assert reopening.reopen_run(context(tmp_path, "run-2"), FIRST, False)[0].id == "run-1"


def test_a_run_that_another_host_refuses_to_resume_keeps_its_way_back(tmp_path: Path) -> None:
    run = begin(tmp_path)
    with open_journal(run) as journal, journal.step("quiesce", "hold") as step:
        step.done()
    epoch = resume_as(tmp_path, "day")
    conduct.close_run(context(tmp_path, "run-1", epoch), "refused", {})
    left = unfinished(read_ledger(tmp_path / "ledger.jsonl").entries)
    assert left is not None
    assert left.id == "run-1"
    assert Lock(tmp_path).owner() is not None
    assert conduct.observe_host(context(tmp_path, "now"))["unfinished"]["id"] == "run-1"


def test_a_resume_that_finds_nothing_to_do_where_the_run_ended_does_not_end_it_again(
    tmp_path: Path,
) -> None:
    conduct.close_run(begin(tmp_path), "deployed", {})
    before = everything(tmp_path)
    noop = {**PLAN, "noop": True}
    assert conduct.open_run(context(tmp_path, "run-1"), noop, FIRST, resume=True) == 0
    assert everything(tmp_path) == before
    assert conduct.observe_host(context(tmp_path, "now"))["live"] == "1.1"


def test_a_process_number_that_is_used_again_finds_no_leftover_in_its_way(tmp_path: Path) -> None:
    left = tmp_path / f"lock.{os.getpid()}.released"
    left.mkdir(parents=True)
    (left / "owner.json").write_text("{}")
    conduct.close_run(begin(tmp_path), "deployed", {})
    assert [p.name for p in tmp_path.glob("lock*")] == []


@pytest.mark.parametrize("beat", [b"", b"{", b"[]", b'{"mono": "x"}', b'{"mono": NaN}'])
def test_a_sign_of_life_that_cannot_be_read_is_none(tmp_path: Path, beat: bytes) -> None:
    begin(tmp_path)
    boot = SystemClock().boot_id().encode()
    (tmp_path / "heartbeat.json").write_bytes(beat.replace(b"{", b'{"boot_id": "%s", ' % boot))
    assert Lock(tmp_path).is_stale(SystemClock())
