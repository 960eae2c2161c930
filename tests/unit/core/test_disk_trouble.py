"""What a disk refuses is told as that, nothing is begun, and the same command goes on later."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stagegate import conduct, reopening
from stagegate.errors import Interrupted, Refused
from stagegate.history import unfinished
from stagegate.journal import open_journal
from stagegate.ledger import read_ledger
from stagegate.lock import Lock
from tests.forked import fork
from tests.unit.core.operators import KNOWS_IT_DEAD, PLAN, begin, context, do_step, everything
from tests.unit.sqlite.test_crash import traceable

ROOT = Path(__file__).parents[3]
NOBODY = 65534


def ballast(disk: Path) -> None:
    """Leave no block free."""
    with (disk / "ballast").open("ab", buffering=0) as handle:
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while handle.write(b"x" * size) == size:
                    pass


def kept(disk: Path) -> dict[str, bytes]:
    """Everything but what fills the disk."""
    return {name: raw for name, raw in everything(disk).items() if not name.endswith("/ballast")}


def use_inodes(disk: Path) -> None:
    """Leave no inode free."""
    try:
        for number in range(1000):
            (disk / f"file{number}").touch()
    except OSError:
        return


def read_only(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


DISKS: list[tuple[str, Callable[[Path], None], str]] = [
    ("size=40m", ballast, "No space left on device"),
    ("size=40m,nr_inodes=12", use_inodes, "No space left on device"),
    ("size=40m", read_only, "Read-only file system"),
]


def repair(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    for place in [disk / "ballast", *disk.glob("file*")]:
        place.unlink(missing_ok=True)


@pytest.mark.parametrize("used_before", [True, False])
@pytest.mark.parametrize(("options", "spoil", "words"), DISKS)
def test_a_disk_that_takes_no_lock_is_refused_as_itself(
    small_disk: Callable[[str], Path],
    options: str,
    spoil: Callable[[Path], None],
    words: str,
    used_before: bool,
) -> None:
    disk = small_disk(options)
    state = disk / "state"
    if used_before:
        conduct.close_run(begin(state, "run-0"), "deployed", {})
    spoil(disk)
    before = kept(disk)
    with pytest.raises(Refused) as caught:
        begin(state)
    assert words in caught.value.what
    assert "holds this system" not in caught.value.what
    assert caught.value.code == 10
    after = kept(disk)
    assert {name: after.get(name) for name in before} == before
    assert {Path(name).name for name in set(after) - set(before)} <= {"state", "step.lock"}
    repair(disk)
    assert begin(state).epoch == (2 if used_before else 1), "afterwards the same command goes on"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_state_directory_of_somebody_else_is_refused_as_itself(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    tmp_path.chmod(0o755)

    def act() -> int:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            begin(state)
        except Refused as error:
            well = "Permission denied" in error.what or "Operation not permitted" in error.what
            return 0 if well else 2
        return 1

    assert os.waitstatus_to_exitcode(os.waitpid(fork(act), 0)[1]) == 0
    assert everything(state) == {}


ACT = """
import json, sys
from pathlib import Path
from stagegate.errors import StagegateError
from tests.unit.core import operators
state, epoch = Path(sys.argv[1]), int(sys.argv[2])
try:
    operators.do_step(operators.context(state, "run-1", epoch), state.parent / "data")
    print("{}")
except StagegateError as error:
    print(json.dumps({"kind": type(error).__name__, **error.parts()}))
"""
TROUBLE = [
    # the call that the kernel refuses, at the n-th time for the ledger: intent, then outcome
    ("write", "ENOSPC", 1, "No space left on device"),
    ("fdatasync", "EIO", 1, "Input/output error"),
    ("write", "ENOSPC", 2, "No space left on device"),
    ("fdatasync", "EIO", 2, "Input/output error"),
]


def traced(state: Path, epoch: int, *options: str) -> dict[str, Any]:
    done = subprocess.run(
        ["strace", "-qq", "-o", str(state.parent / "calls"), *options,
         sys.executable, "-S", "-c", ACT, str(state), str(epoch)],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT}/plugins/module_utils", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.skipif(not traceable(), reason="strace is missing or may not trace here")
@pytest.mark.parametrize(("call", "error", "time", "words"), TROUBLE)
def test_an_entry_that_the_disk_did_not_take_stops_the_step(
    tmp_path: Path, call: str, error: str, time: int, words: str
) -> None:
    state = tmp_path / "state"
    run = begin(state)
    ledger = state / "ledger.jsonl"
    before = ledger.read_bytes()
    injected = f"inject={call}:error={error}:when={time}"
    told = traced(state, run.epoch, f"--trace-path={ledger}", "-e", injected)
    assert told["kind"] == "Interrupted"
    assert told["what"] == f"the state of host1 cannot be written: {words}"
    assert told["code"] == 40
    calls = (tmp_path / "calls").read_text()
    assert calls.count("(INJECTED)") == 1, calls
    assert calls.count(f"{call}(") == time, "it was tried again on the same file"
    acted = (tmp_path / "data").exists()
    assert acted == (time == 2), "it acted without an announcement"
    if time == 1:
        assert ledger.read_bytes() == before
    assert [e.kind for e in read_ledger(ledger).entries[1:]] == ["intent"] * (time - 1)
    epoch = conduct.open_run(context(state, "run-1"), PLAN, KNOWS_IT_DEAD, resume=True)
    do_step(context(state, "run-1", epoch), tmp_path / "data")
    assert read_ledger(ledger).entries[-1].kind == "done"


def test_a_full_disk_stops_a_run_before_its_next_act_and_it_goes_on_when_there_is_room(
    small_disk: Callable[[str], Path], tmp_path: Path
) -> None:
    disk = small_disk("size=40m")
    run = begin(disk / "state")
    ballast(disk)
    with pytest.raises(Interrupted) as caught:
        do_step(run, tmp_path / "data")
    assert "No space left on device" in caught.value.what
    assert "-e resume=run-1" in caught.value.next
    assert not (tmp_path / "data").exists()
    repair(disk)
    do_step(run, tmp_path / "data")
    assert unfinished(read_ledger(run.state / "ledger.jsonl").entries) is not None


def test_a_lock_whose_first_entry_cannot_be_written_is_given_back(tmp_path: Path) -> None:
    """The epoch has gone up, which harms nobody; but no lock is left that no ledger explains."""
    (tmp_path / "ledger.jsonl").touch()
    (tmp_path / "second").hardlink_to(tmp_path / "ledger.jsonl")
    with pytest.raises(Refused, match="one with a second name"):
        begin(tmp_path)
    assert Lock(tmp_path).owner() is None
    (tmp_path / "second").unlink()
    run = begin(tmp_path)
    with open_journal(run) as journal, journal.step("quiesce", "hold") as step:
        step.done()
    conduct.close_run(run, "deployed", {})
    (tmp_path / "second").hardlink_to(tmp_path / "ledger.jsonl")
    with pytest.raises(Refused, match="one with a second name"):
        reopening.reopen_run(context(tmp_path, "run-2"), KNOWS_IT_DEAD, False)
    assert Lock(tmp_path).owner() is None


def test_a_journal_that_lost_an_entry_writes_no_other(tmp_path: Path) -> None:
    """A line after one that is not there for certain would make the ledger a riddle."""
    run = begin(tmp_path)
    with open_journal(run) as journal:
        (tmp_path / "ledger.jsonl").rename(tmp_path / "kept")
        (tmp_path / "ledger.jsonl").symlink_to(tmp_path / "kept")
        with pytest.raises(Interrupted):
            journal.note("smoke", "smoke")
        (tmp_path / "ledger.jsonl").unlink()
        (tmp_path / "kept").rename(tmp_path / "ledger.jsonl")
        with pytest.raises(Interrupted):
            journal.note("smoke", "smoke")
    assert len(read_ledger(tmp_path / "ledger.jsonl").entries) == 1
