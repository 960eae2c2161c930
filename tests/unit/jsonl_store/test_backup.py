"""A backup of a growing file is the whole records of one instant, restored and judged."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stagegate.errors import Refused, StagegateError, StepFailed
from stagegate.jsonl.rules import Rules
from stagegate.jsonl_store import taking
from stagegate.jsonl_store.lines import copy_prefix, sound_end
from tests.unit.jsonl_store.helpers import WRITER, append, fact, lines, make_host, records
from tests.unit.plain.host import Host, process


def test_the_backup_is_the_file_and_says_what_is_in_it(host: Host) -> None:
    evidence = host.do("backup")["evidence"]
    assert (host.backup / "entries.jsonl").read_bytes() == host.old.read_bytes()
    assert host.drilled.read_bytes() == host.old.read_bytes()
    assert (evidence["rows"], evidence["kinds"], evidence["damage"]) == (20, {"first": 20}, 0)
    assert host.do("verify")["evidence"]["sha256"] == evidence["sha256"]


def test_beside_a_writer_every_backup_is_whole_records_of_one_instant(host: Host) -> None:
    """The writer writes each record in two halves, and notes each that was whole."""
    notes = host.place / "written"
    with process(WRITER, str(host.live), str(notes)):
        for n in range(6):
            again = Host(host.place, "jsonl", host.name, f"run-{n}", host.options)
            noted = len(notes.read_text().splitlines()) if notes.exists() else 0
            again.do("backup")
            backup = (again.backup / host.name).read_bytes()
            assert host.live.read_bytes().startswith(backup)
            numbers = [int(r["id"][1:]) for r in records(again.backup / host.name)[20:]]
            assert numbers == list(range(len(numbers))), "no record is missing, none is half"
            assert len(numbers) >= noted, "what was written before the backup began is in it"
            again.do("verify")


@pytest.mark.parametrize(("size", "end"), [(0, 0), (5, 0), (8, 8), (12, 8), (16, 16), (20, 16)])
def test_the_end_of_an_instant_is_that_of_its_last_whole_record(
    tmp_path: Path, size: int, end: int
) -> None:
    """A record that was half written at that instant is not taken, though it is whole by now."""
    place = tmp_path / "facts.jsonl"
    place.write_bytes(b'{"a":1}\n' * 3)
    assert sound_end(place, Rules(), size) == end


def rotate(host: Host) -> None:
    host.live.rename(host.place / "rotated")
    host.live.write_bytes(lines([fact(500)]))


def truncate(host: Host) -> None:
    with host.live.open("r+b") as out:
        out.truncate(0)
        out.write(lines([fact(500)]))


def rewrite(host: Host) -> None:
    data = host.live.read_bytes()
    host.live.write_bytes(data.replace(b"fact 3", b"fakt 3"))


@pytest.mark.parametrize("meddle", [rotate, truncate, rewrite])
def test_a_file_that_is_rotated_or_rewritten_is_copied_again(
    host: Host, monkeypatch: pytest.MonkeyPatch, meddle: Callable[[Host], None]
) -> None:
    """It happens right after the bytes were copied, once."""
    whole, done = taking.copy_prefix, []

    def meddling(source: Path, target: Path, end: int, check: Callable[[], None]) -> str:
        digest = whole(source, target, end, check)
        if not done:
            done.append(True)
            meddle(host)
        return digest

    monkeypatch.setattr(taking, "copy_prefix", meddling)
    detail = host.do("backup")["evidence"]
    assert len(detail["meanwhile"]) == 1
    assert (host.backup / host.name).read_bytes() == host.live.read_bytes()


def test_a_file_that_is_rotated_all_the_time_is_told(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = taking.copy_prefix

    def rotating(source: Path, target: Path, end: int, check: Callable[[], None]) -> str:
        digest = whole(source, target, end, check)
        rotate(host)
        return digest

    monkeypatch.setattr(taking, "copy_prefix", rotating)
    with pytest.raises(StepFailed, match="changed each of the 3 times: another file has its name"):
        host.do("backup")
    assert not host.backup.exists()


def flipped(backup: Path) -> None:
    data = bytearray((backup / "entries.jsonl").read_bytes())
    data[40] ^= 1
    (backup / "entries.jsonl").write_bytes(bytes(data))


def shorter(backup: Path) -> None:
    with (backup / "entries.jsonl").open("r+b") as out:
        out.truncate(100)


def longer(backup: Path) -> None:
    with (backup / "entries.jsonl").open("ab") as out:
        out.write(lines([fact(77)]))


def hard_link(backup: Path) -> None:
    os.link(backup / "entries.jsonl", backup.parent / "again")


def link(backup: Path) -> None:
    (backup / "entries.jsonl").rename(backup.parent / "again")
    (backup / "entries.jsonl").symlink_to("../again")


def gone(backup: Path) -> None:
    (backup / "entries.jsonl").unlink()


def other_manifest(backup: Path) -> None:
    flipped(backup)
    digest = hashlib.sha256((backup / "entries.jsonl").read_bytes()).hexdigest()
    manifest = json.loads((backup / "manifest.json").read_text())
    (backup / "manifest.json").write_text(json.dumps({**manifest, "sha256": digest}))


def odd_manifest(backup: Path) -> None:
    manifest = json.loads((backup / "manifest.json").read_text())
    (backup / "manifest.json").write_text(json.dumps({**manifest, "data": "../../x"}))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (flipped, "has the digest"),
        (shorter, "has 100 bytes, its manifest says"),
        (longer, "bytes, its manifest says"),
        (hard_link, "has 2 hard links"),
        (link, "is not an ordinary file"),
        (gone, "is missing"),
        (other_manifest, "the ledger says"),
        (odd_manifest, "names no digest, or data elsewhere"),
    ],
)
def test_a_backup_that_was_tampered_with_is_not_used(
    host: Host, spoil: Callable[[Path], None], words: str
) -> None:
    host.do("backup")
    spoil(host.backup)
    with pytest.raises(StepFailed, match=words):
        host.do("verify")
    with pytest.raises(StagegateError, match=words):
        host.do("compare")
    with pytest.raises(StepFailed, match=words):
        host.do("stage", directory=str(host.backup))


def test_no_room_is_told_before_a_byte_is_written(
    tmp_path: Path, small_disk: Callable[[str], Path]
) -> None:
    host = make_host(tmp_path, 60_000)
    host.state.symlink_to(small_disk("size=4m"))
    with pytest.raises(Refused, match=r"not enough space .* needed \d+ bytes"):
        host.do("backup")
    assert not host.backup.exists()


def test_a_disk_that_fills_up_meanwhile_leaves_no_half_backup(
    tmp_path: Path, small_disk: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = make_host(tmp_path, 60_000)
    host.state.symlink_to(small_disk("size=2m"))
    monkeypatch.setattr("stagegate.plain.backup.refuse_shortage", lambda *_: None)
    with pytest.raises(StepFailed, match=r"the disk fills up|No space left"):
        host.do("backup")
    assert not host.backup.exists()
    assert len(records(host.old)) == 60_000


KILLED = """
import os, signal, sys
from pathlib import Path
from stagegate.jsonl_store import content
from tests.unit.jsonl_store.helpers import OPTIONS
from tests.unit.plain.host import Host
content.scan = lambda *a: os.kill(os.getpid(), signal.SIGKILL)
Host(Path(sys.argv[1]), "jsonl", "entries.jsonl", options=OPTIONS).do("backup")
"""


def test_killed_while_it_judges_there_is_no_backup(host: Host) -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", KILLED, str(host.place)], cwd=root)
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(StepFailed, match="it was never finished"):
        host.do("verify")
    host.do("backup")
    host.do("verify")
    assert host.kinds("store:facts") == ["intent", "intent", "done"]


def test_what_has_the_name_already_is_not_removed(host: Host) -> None:
    there = host.place / "there"
    there.write_text("another's")
    with pytest.raises(FileExistsError):
        copy_prefix(host.old, there, 10, lambda: None)
    assert there.read_text() == "another's"


def test_a_new_generation_can_be_made_from_a_backup(host: Host) -> None:
    host.do("backup")
    before = host.old.read_bytes()
    shutil.copy(host.old, host.place / "damaged")
    host.old.write_bytes(b"{\n" + before)
    later = Host(host.place, "jsonl", host.name, "20261122T090000Z-eeee", host.options)
    later.do("stage", directory=str(host.backup))
    later.do("seal")
    later.guard()
    later.do("activate")
    assert later.live.read_bytes() == before
    append(later, fact(500))
    later.opened("1.0")
    later.started()
    later.do("delta")
    assert later.do("restore")["state"]["carried"]["records"] == 1
    assert later.live.read_bytes() == b"{\n" + before + lines([fact(500)])
