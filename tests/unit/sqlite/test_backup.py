"""A backup is taken beside the writers, proved by a restore, and leaves the live database alone."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stagegate.errors import BadInput, Refused, StagegateError, StepFailed
from stagegate.sqlite import drill, snapshot
from stagegate.sqlite.backup import clear
from stagegate.store import space
from tests.unit.sqlite.helpers import (
    HOLDER,
    WRITER,
    Site,
    ask,
    change,
    content,
    fill,
    kill_with_full_wal,
    make_site,
    process,
)


def test_a_finished_backup_is_never_written_over(site: Site) -> None:
    site.do("backup")
    before = (site.backup / "app.db").read_bytes()
    with pytest.raises(BadInput, match="holds a finished backup already"):
        clear(site.backup)
    assert (site.backup / "app.db").read_bytes() == before


def test_says_what_it_copied(site: Site) -> None:
    evidence = site.do("backup")["evidence"]
    assert evidence["store"] == "memory"
    assert evidence["path"] == str(site.backup / "app.db")
    assert evidence["bytes"] == (site.backup / "app.db").stat().st_size
    assert evidence["tables"] == {"entries": 200, "metrics": 5, "sessions": 51, "state": 100}
    assert evidence["rows"] == 356
    assert evidence["level"] == 3
    assert site.kinds("store:memory") == ["intent", "done"]


def test_backup_and_drilled_copy_are_equal_and_private(site: Site) -> None:
    state = site.do("backup")["state"]
    backup, drilled = Path(state["database"]), Path(state["scratch"])
    assert backup.read_bytes() == drilled.read_bytes()
    for path in (backup, drilled, backup.parent / "manifest.json"):
        assert path.stat().st_mode & 0o777 == 0o600, path
    assert backup.parent.stat().st_mode & 0o777 == 0o700


def test_has_the_rows_that_are_only_in_the_wal_of_a_killed_service(site: Site) -> None:
    kill_with_full_wal(site.live, "INSERT INTO metrics VALUES ('late', 1)")
    before = content(site.old.parent)
    site.do("backup")
    assert ask(site.backup / "app.db", "SELECT count(*) FROM metrics WHERE name = 'late'") == 1
    assert content(site.old.parent) == before


def test_a_busy_writer_neither_stops_it_nor_is_stopped(tmp_path: Path) -> None:
    site = make_site(tmp_path, rows=20_000)
    log = tmp_path / "acknowledged"
    log.touch()
    with process(WRITER, str(site.live), str(log)):
        while not log.stat().st_size:
            time.sleep(0.001)
        first = len(log.read_text().splitlines())
        evidence = site.do("backup")["evidence"]
        last = len(log.read_text().splitlines())
    copied = ask(site.backup / "app.db", "SELECT count(*) FROM metrics WHERE name = 'written'")
    assert last > first, "the writer went on"
    assert first <= copied <= last + 1
    highest = ask(site.backup / "app.db", "SELECT max(value) FROM metrics WHERE name = 'written'")
    assert highest == copied - 1, "one instant: no acknowledged row is missing before the last one"
    assert evidence["tables"]["metrics"] == copied + 5


def test_no_step_of_the_copy_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a transaction of its own for each step, a commit between two steps starts it anew."""
    monkeypatch.setattr(snapshot, "STEP_PAGES", 4)
    site = make_site(tmp_path, rows=3000)
    left: list[int] = []
    usual = snapshot.Watch.__call__

    def look(self: snapshot.Watch, status: int, remaining: int, total: int) -> None:
        change(site.live, "INSERT INTO metrics VALUES ('between', 1)")
        left.append(remaining)
        usual(self, status, remaining, total)

    monkeypatch.setattr(snapshot.Watch, "__call__", look)
    site.do("backup")
    assert len(left) > 20
    assert left == sorted(left, reverse=True)
    assert ask(site.backup / "app.db", "SELECT count(*) FROM metrics WHERE name='between'") == 0


def test_a_copy_that_began_again_is_given_up(tmp_path: Path) -> None:
    watch = snapshot.Watch(tmp_path / "a.db", tmp_path / "b.db", reserve=0, seconds=60)
    for left in (9, 9, 8):
        watch(0, left, 10)
    with pytest.raises(StepFailed, match="must not happen"):
        watch(0, 9, 10)


def test_gives_up_at_its_deadline_when_a_writer_holds_the_lock(tmp_path: Path) -> None:
    site = make_site(tmp_path, mode="delete", backup_deadline=0.5)
    with process(HOLDER, str(site.old), "BEGIN EXCLUSIVE"):
        begun = time.monotonic()
        with pytest.raises(StepFailed, match=r"locked|deadline"):
            site.do("backup")
        assert time.monotonic() - begun < 10
    assert not site.backup.exists()
    assert site.kinds("store:memory") == ["intent", "failed"]
    assert ask(site.old, "SELECT count(*) FROM entries") == 200


def test_gives_up_at_its_deadline_in_the_middle_of_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "STEP_PAGES", 1)
    usual = snapshot.Watch.__call__

    def slow(self: snapshot.Watch, status: int, remaining: int, total: int) -> None:
        self.end = 0.0
        usual(self, status, remaining, total)

    monkeypatch.setattr(snapshot.Watch, "__call__", slow)
    site = make_site(tmp_path)
    with pytest.raises(StepFailed, match="not finished within its deadline of 3600 s"):
        site.do("backup")
    assert not site.backup.exists()


def test_the_drill_has_a_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site(tmp_path, rows=60_000)
    usual = drill.drill
    monkeypatch.setattr("stagegate.sqlite.backup.drill", lambda *a: usual(*a[:-1], 0.001))
    with pytest.raises(StepFailed, match="deadline"):
        site.do("backup")
    assert not site.backup.exists()


def test_gives_up_before_the_service_itself_has_no_room(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "free_bytes", lambda place: 1000)
    with pytest.raises(StepFailed, match=r"free 1000 bytes, needed 1048576 bytes of reserve"):
        site.do("backup")
    assert not site.backup.exists()


def test_a_disk_that_is_full_from_the_start_is_refused_with_numbers(
    tmp_path: Path, small_disk: Callable[[str], Path]
) -> None:
    site = make_site(tmp_path, rows=9000)
    site.state.symlink_to(small_disk("size=2m"))
    with pytest.raises(Refused, match=r"not enough space .* needed \d+ bytes .* free \d+ bytes"):
        site.do("backup")


def test_a_disk_that_fills_up_meanwhile_leaves_nothing_and_harms_no_writer(
    tmp_path: Path, small_disk: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space, "refuse_full", lambda *_: None)
    monkeypatch.setattr(snapshot, "free_bytes", lambda place: 1 << 40)
    site = make_site(tmp_path, rows=30_000)
    site.state.symlink_to(small_disk("size=1m"))
    with pytest.raises(StepFailed, match=r"the disk is full: needed \d+ bytes, free \d+ bytes"):
        site.do("backup")
    assert not site.backup.exists()
    change(site.live, "INSERT INTO metrics VALUES ('after', 1)")


@pytest.mark.parametrize("spoil", ["zero", "other", "short", "row", "value"])
def test_a_copy_that_is_not_the_source_is_caught_by_the_drill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: str
) -> None:
    """What SQLite itself calls a good database, and is not the one that was copied."""
    usual = drill.restore_copy

    def spoiled(backup: Path, scratch: Path) -> None:
        usual(backup, scratch)
        if spoil == "zero":
            scratch.write_bytes(b"")
        elif spoil == "other":
            scratch.unlink()
            fill(scratch, 100)
        elif spoil == "short":
            os.truncate(scratch, scratch.stat().st_size - 4096)
        elif spoil == "row":
            change(scratch, "DELETE FROM metrics WHERE rowid = 1")
        else:
            change(scratch, "UPDATE metrics SET value = 9 WHERE rowid = 1")

    monkeypatch.setattr(drill, "restore_copy", spoiled)
    site = make_site(tmp_path)
    with pytest.raises(StepFailed):
        site.do("backup")
    assert not site.backup.exists()


@pytest.mark.parametrize("spoil", ["rows", "schema"])
def test_a_backup_that_lost_something_from_the_source_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: str
) -> None:
    usual = snapshot.copy_pages

    def lossy(live: sqlite3.Connection, target: Path, *rest: object) -> None:
        usual(live, target, *rest)  # type: ignore[arg-type]
        sql = "DELETE FROM metrics WHERE rowid = 1" if spoil == "rows" else "DROP TABLE metrics"
        change(target, sql)

    monkeypatch.setattr(snapshot, "copy_pages", lossy)
    site = make_site(tmp_path)
    with pytest.raises(StepFailed, match=r"4 rows in metrics, its source had 5|another schema"):
        site.do("backup")
    assert not site.backup.exists()


def test_orphans_in_the_source_stop_the_backup(site: Site) -> None:
    change(site.old, "INSERT INTO entries(session, key) VALUES ('nobody', 'k')")
    with pytest.raises(StepFailed, match="entries row 201 has no parent in sessions"):
        site.do("backup")


def test_a_first_install_has_nothing_to_copy(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert site.do("backup")["state"] == {"absent": True}
    assert not site.backup.exists()


def test_resumed_it_trusts_only_what_it_reads(site: Site) -> None:
    first = site.do("backup")
    Path(first["state"]["scratch"]).write_bytes(b"the rehearsal was here")
    second = site.do("backup")
    assert second["evidence"] == first["evidence"]
    assert Path(second["state"]["scratch"]).read_bytes() == (site.backup / "app.db").read_bytes()
    with (site.backup / "app.db").open("r+b") as handle:
        handle.seek(5000)
        handle.write(b"\xff")
    with pytest.raises(StepFailed, match="written after its manifest"):
        site.do("backup")


def test_killed_before_its_manifest_it_begins_again(site: Site) -> None:
    site.do("backup")
    (site.backup / "manifest.json").unlink()
    (site.backup / "app.db").rename(site.backup / "app.db.partial")
    assert site.do("backup")["evidence"]["rows"] == 356
    assert sorted(p.name for p in site.backup.iterdir()) == ["app.db", "manifest.json"]


def test_the_manifest_says_all_of_it(site: Site) -> None:
    site.do("backup")
    manifest = json.loads((site.backup / "manifest.json").read_text())
    assert manifest["run"] == site.run_id
    assert manifest["source"] == str(site.old)
    assert manifest["journal_mode"] == "wal"
    assert manifest["tables"]["entries"]["rows"] == 200
    assert len(manifest["tables"]["entries"]["sha256"]) == 64
    assert "_yoyo_migration" not in manifest["tables"]


def test_check_mode_copies_nothing(site: Site) -> None:
    result = site.do("backup", check_mode=True)
    assert result["changed"]
    assert str(site.backup) in result["diff"]["after"]
    assert not site.state.exists()


PEAK = """
import resource, sys
from pathlib import Path
from tests.unit.sqlite.helpers import Site
Site(Path(sys.argv[1]), options={"journal_mode": "wal"}).do("backup")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_kib(place: Path, rows: int) -> tuple[int, int]:
    """The peak memory of a backup in a process of its own, and the size of the data."""
    site = make_site(place, rows=10)
    with sqlite3.connect(site.old) as connection:
        connection.executemany(
            "INSERT INTO metrics VALUES (?, ?)", (("x" * 2000, n) for n in range(rows))
        )
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(place)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    return int(done.stdout), site.old.stat().st_size


def test_memory_does_not_grow_with_the_data(tmp_path: Path) -> None:
    small, small_bytes = peak_kib(tmp_path / "small", 25_000)
    large, large_bytes = peak_kib(tmp_path / "large", 100_000)
    assert large_bytes - small_bytes > 140 << 20
    assert large - small < 4 << 10, "peak memory in KiB"


def test_every_failure_says_four_things(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "free_bytes", lambda place: 0)
    with pytest.raises(StagegateError) as failure:
        site.do("backup")
    assert all(failure.value.parts().values())
