"""The ledger: a chain that a power cut may shorten by one line and nothing else may change."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from stagegate.errors import BadInput, LockHeld, StepFailed
from stagegate.journal import Journal, Run, open_journal
from stagegate.ledger import Entry, canonical, parse_line, read_ledger
from tests.forked import fork


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run("run-1", 0, "demo", "host1", tmp_path / "state", exclusive=False)


def written(run: Run, count: int = 3) -> Path:
    with open_journal(run) as journal:
        for number in range(count):
            journal.note("backup", f"step-{number}", {"number": number})
    return run.state / "ledger.jsonl"


def test_entries_are_read_back_as_they_were_written(run: Run) -> None:
    path = written(run)
    assert [e.evidence["number"] for e in read_ledger(path).entries] == [0, 1, 2]
    assert [e.seq for e in read_ledger(path).entries] == [1, 2, 3]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_torn_last_line_is_dropped_at_every_cut_and_kept_aside(run: Run) -> None:
    path = written(run)
    whole = path.read_bytes()
    begin = whole[:-1].rindex(b"\n") + 1
    for cut in range(begin, len(whole)):
        path.write_bytes(whole[:cut])
        assert len(read_ledger(path).entries) == 2
    with open_journal(run) as journal:
        journal.note("backup", "after the cut")
    assert [e.step for e in read_ledger(path).entries] == ["step-0", "step-1", "after the cut"]
    assert (path.parent / f"ledger.torn-{begin}").read_bytes() == whole[begin:-1]


def flipped(line: bytes) -> bytes:
    return line[:40] + bytes([line[40] ^ 1]) + line[41:]


def resealed(line: bytes, **changed: object) -> bytes:
    """A line that somebody else wrote whole: its CRC is right."""
    value = {**json.loads(line), **changed}
    del value["crc"]
    return canonical({**value, "crc": zlib.crc32(canonical(value))})


MUTATIONS = {
    "a flipped bit": lambda lines: [flipped(lines[0]), *lines[1:]],
    "a deleted line": lambda lines: [lines[0], *lines[2:]],
    "two lines swapped": lambda lines: [lines[1], lines[0], *lines[2:]],
    "a line twice": lambda lines: [lines[0], lines[0], *lines[1:]],
    "a line cut short": lambda lines: [lines[0], lines[1][:50], *lines[2:]],
    "an empty line": lambda lines: [lines[0], b"", *lines[1:]],
    "nothing but brackets": lambda lines: [b"[" * 3000, *lines[1:]],
    "the last line twice": lambda lines: [*lines, lines[-1]],
    "a line of another ledger": lambda lines: [*lines[:-1], resealed(lines[-1], prev="f" * 64)],
    "not an object": lambda lines: [b"[]", *lines[1:]],
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_damage_before_the_last_line_is_refused_with_its_line(run: Run, name: str) -> None:
    path = written(run, 4)
    lines = path.read_bytes().split(b"\n")[:-1]
    path.write_bytes(b"\n".join(MUTATIONS[name](lines)) + b"\n")
    with pytest.raises(BadInput, match="damaged at line") as caught:
        read_ledger(path)
    assert caught.value.code == 30


OTHERS = {
    "a newer form": {"v": 2},
    "an older form": {"v": 0},
    "a kind that is not known here": {"kind": "compensate"},
    "a field that is not known here": {"shard": 1},
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("place", [0, -1])
def test_a_line_of_another_version_is_refused_also_at_the_end(
    run: Run, name: str, place: int
) -> None:
    """It is whole and not torn: cutting it off would lose what another version knows."""
    path = written(run, 4)
    lines = path.read_bytes().split(b"\n")[:-1]
    lines[place] = resealed(lines[place], **OTHERS[name])
    before = b"\n".join(lines) + b"\n"
    path.write_bytes(before)
    with pytest.raises(
        BadInput, match=f"of another version at line {len(lines[:place]) + 1}"
    ) as caught:
        written(run)
    assert caught.value.code == 12
    assert "version of Stagegate that wrote it" in caught.value.next
    assert path.read_bytes() == before


def test_a_line_that_was_torn_inside_is_dropped_and_kept_aside_for_root_alone(run: Run) -> None:
    """A power cut may keep the end of a line and lose a page of its middle."""
    path = written(run)
    lines = path.read_bytes().split(b"\n")[:-1]
    torn = lines[-1][:60] + bytes(40) + lines[-1][100:]
    path.write_bytes(b"\n".join([*lines[:-1], torn]) + b"\n")
    with open_journal(run) as journal:
        journal.note("backup", "after the cut")
    assert [e.step for e in read_ledger(path).entries] == ["step-0", "step-1", "after the cut"]
    (kept,) = path.parent.glob("ledger.torn-*")
    assert kept.read_bytes() == torn + b"\n"
    assert kept.stat().st_mode & 0o777 == 0o600


SEALED = Entry(2, "run-1", 1, "host1", "backup", "seen", "done", prev="a" * 64)
BROKEN_SEALS = {
    "its CRC does not match": (SEALED.line().replace(b"host1", b"host2"), 2, "a" * 64),
    "entry 2 stands where 3 must": (SEALED.line(), 3, "a" * 64),
    "the chain from the line before is broken": (SEALED.line(), 2, "b" * 64),
    "unknown kind 'forged'": (replace(SEALED, kind="forged").line(), 2, "a" * 64),
}


@pytest.mark.parametrize("words", BROKEN_SEALS)
def test_each_seal_of_a_line_is_proved_by_itself(words: str) -> None:
    assert parse_line(SEALED.line(), 2, "a" * 64) == SEALED
    with pytest.raises(ValueError, match=words):
        parse_line(*BROKEN_SEALS[words])


def test_an_intent_is_on_the_disk_before_the_act_and_a_failure_after_it(run: Run) -> None:
    seen = []

    def body(journal: Journal) -> None:
        with journal.step("release", "stage", {"digest": "x"}) as step:
            seen.extend(e.kind for e in read_ledger(journal.path).entries)
            step.evidence({"files": 3})
            raise StepFailed("the archive is torn")

    with open_journal(run) as journal, pytest.raises(StepFailed):
        body(journal)
    entries = read_ledger(run.state / "ledger.jsonl").entries
    assert seen == ["intent"]
    assert [e.kind for e in entries] == ["intent", "failed"]
    assert entries[1].evidence["files"] == 3
    assert entries[1].evidence["error"]["what"] == "the archive is torn"


def test_an_os_error_becomes_a_failed_step_with_its_words(run: Run) -> None:
    with (
        open_journal(run) as journal,
        pytest.raises(StepFailed, match="No such file"),
        journal.step("backup", "store:memory"),
    ):
        Path("/nowhere/at/all").read_bytes()


def test_a_step_that_this_run_finished_is_known_unless_its_inputs_changed(run: Run) -> None:
    def do(inputs: dict[str, str]) -> bool:
        with open_journal(run) as journal, journal.step("release", "stage", inputs) as step:
            step.done(state={"path": "/x"})
            return step.earlier is not None

    assert do({"digest": "a"}) is False
    assert do({"digest": "a"}) is True
    assert do({"digest": "b"}) is False
    assert do({"digest": "a"}) is False


def test_a_step_without_an_outcome_is_a_bug(run: Run) -> None:
    with (
        open_journal(run) as journal,
        pytest.raises(AssertionError, match="without an outcome"),
        journal.step("release", "stage"),
    ):
        pass


def test_a_killed_step_leaves_its_intent_and_frees_the_step_lock(run: Run) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from stagegate.journal import Run, open_journal
run = Run("run-1", 0, "demo", "host1", Path(sys.argv[1]), exclusive=False)
with open_journal(run) as journal, journal.step("migrate", "stage:memory"):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code, str(run.state)], check=False)
    assert done.returncode == -signal.SIGKILL
    with open_journal(run, deadline=1.0) as journal:
        assert [e.kind for e in journal.entries] == ["intent"]
        assert journal.last_done("migrate", "stage:memory") is None


def test_a_step_at_work_is_never_joined_by_a_second(run: Run) -> None:
    ready, go = os.pipe(), os.pipe()

    def work() -> None:
        with open_journal(run):
            os.write(ready[1], b"x")
            os.read(go[0], 1)

    child = fork(work)
    os.read(ready[0], 1)
    with pytest.raises(LockHeld, match="still at work"), open_journal(run, deadline=0.1):
        pass
    os.write(go[1], b"x")
    os.waitpid(child, 0)
    with open_journal(run, deadline=0.1):
        pass
