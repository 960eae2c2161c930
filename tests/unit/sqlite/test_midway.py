"""What goes wrong while a run is under way: the disk, the rights, the live file itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from stagegate.errors import Fenced, StagegateError, StepFailed
from stagegate.sqlite import snapshot
from stagegate.store import openers
from tests.unit.sqlite.helpers import OLD, Site, ask, change, content, make_site


def remount(place: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(place)], check=True)


def test_a_disk_that_another_process_fills_stops_the_copy_before_the_service_has_no_room(
    tmp_path: Path, small_disk: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service lives on the same disk, and writes between any two steps of the copy."""
    monkeypatch.setattr(snapshot, "STEP_PAGES", 16)
    disk = small_disk("size=16m")
    site = make_site(disk, rows=9000)
    written: list[int] = []
    usual = snapshot.Watch.__call__

    def look(self: snapshot.Watch, status: int, remaining: int, total: int) -> None:
        if len(written) == 3:
            free = snapshot.free_bytes(disk)
            subprocess.run(["fallocate", "-l", str(free - (1 << 19)), disk / "ballast"], check=True)
        change(site.live, f"INSERT INTO metrics VALUES ('beside', {len(written)})")
        written.append(remaining)
        usual(self, status, remaining, total)

    monkeypatch.setattr(snapshot.Watch, "__call__", look)
    with pytest.raises(StepFailed, match=r"the disk fills up: free \d+ bytes, needed 1048576"):
        site.do("backup")
    assert len(written) == 4, "given up at the first look after the disk was filled"
    assert min(written) > 0, "in the middle of the copy"
    assert not site.backup.exists()
    change(site.live, "INSERT INTO metrics VALUES ('after', 1)")
    assert ask(site.live, "SELECT count(*) FROM metrics WHERE name IN ('beside', 'after')") == 5


ACTIONS = ("backup", "stage", "seal", "activate", "restore")


@pytest.mark.parametrize(
    ("which", "action"),
    [("state", action) for action in ACTIONS] + [("data", action) for action in ACTIONS[1:]],
)
def test_a_file_system_that_turns_read_only_moves_nothing_and_is_told(
    tmp_path: Path, small_disk: Callable[[str], Path], which: str, action: str
) -> None:
    """And once it can be written again, the same step ends well."""
    disk = small_disk("size=32m,mode=755")
    place, state = (disk, tmp_path / "state") if which == "data" else (tmp_path / "host", disk)
    place.mkdir(exist_ok=True)
    state.mkdir(exist_ok=True)
    (place / "state").symlink_to(state)
    site = make_site(place)
    site.guard()
    for step in ACTIONS[: ACTIONS.index(action)]:
        site.do(step)
    live = str(site.link.readlink())
    remount(disk, "ro")
    with pytest.raises((StagegateError, OSError), match=r"[Rr]ead-?only"):
        site.do(action)
    assert str(site.link.readlink()) == live
    remount(disk, "rw")
    site.do(action)
    assert ask(site.live, "SELECT count(*) FROM entries") == 200


def test_another_page_size_is_no_hindrance_either_way(site: Site) -> None:
    """Pages are never copied over those of another file: a whole generation takes its place."""
    site.do("backup")
    site.do("stage")
    change(site.new, "PRAGMA page_size = 8192; VACUUM")
    site.do("seal")
    site.guard()
    site.do("activate")
    assert ask(site.live, "PRAGMA page_size") == 8192
    again = Site(site.place, run_id="20261123T000000Z-cd34", options=site.options)
    again.do("stage", directory=str(site.backup))
    again.do("seal")
    again.do("activate")
    assert ask(again.live, "PRAGMA page_size") == 4096
    change(again.live, "INSERT INTO metrics VALUES ('after', 1)")
    assert ask(again.live, "SELECT count(*) FROM metrics") == 6
    again.do("delta")
    change(again.live, "DELETE FROM metrics WHERE name = 'after'; PRAGMA wal_checkpoint(TRUNCATE)")
    again.do("restore")
    assert ask(again.live, "PRAGMA page_size") == 8192
    assert ask(again.live, "SELECT count(*) FROM entries") == 200


@pytest.mark.parametrize(
    ("where", "words"),
    [("the first bytes", "not a database"), ("its schema", "malformed"), ("entries", "malformed")],
)
def test_live_data_that_are_damaged_after_users_came_are_kept_and_left_to_a_person(
    site: Site, where: str, words: str
) -> None:
    site.deploy()
    site.started()
    change(site.live, "INSERT INTO metrics VALUES ('user', 1); PRAGMA wal_checkpoint(TRUNCATE)")
    begin = {"the first bytes": 0, "its schema": 100}.get(where, -1)
    if begin < 0:
        root = f"SELECT rootpage FROM sqlite_master WHERE name = '{where}'"
        begin = (ask(site.live, root) - 1) * 4096
    raw = bytearray(site.new.read_bytes())
    raw[begin : begin + 4000] = bytes([255]) * 4000
    site.new.write_bytes(raw)
    kept = Path(site.do("forensic")["state"]["file"])
    assert kept.read_bytes()[begin : begin + 4000] == bytes([255]) * 4000
    with pytest.raises(Fenced, match=f"cannot be counted: .*{words}") as failure:
        site.do("delta")
    assert failure.value.code == 30
    with pytest.raises(StepFailed, match="nobody counted"):
        site.do("restore", accept_data_loss=1)
    assert str(site.link.readlink()) == f"generations/gen-{site.run_id}"
    assert site.new.read_bytes() == bytes(raw)


def test_a_disk_that_is_full_at_any_point_of_the_way_leaves_the_former_data_live(
    tmp_path: Path, small_disk: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Filled to many amounts of room before the first step, so that each copy meets the end."""
    # Nobody has anything open here, and asking every process takes long.
    monkeypatch.setattr(openers, "find_holders", lambda *_: [])
    disk = small_disk("size=4m,mode=755")
    reached = []
    for room in range(0, 1600 << 10, 160 << 10):
        site = make_site(disk / str(room), rows=1500)
        site.state.mkdir()
        site.guard()
        before = whole(site)
        ballast = disk / "ballast"
        size = snapshot.free_bytes(disk) - room
        subprocess.run(["fallocate", "-l", str(size), ballast], check=True)
        done, words = furthest(site)
        reached.append(done)
        assert re.search("No space|full|^$", words), words
        assert (site.link.readlink().name == OLD) == (done != "activate")
        ballast.unlink()
        site.do("restore")
        assert site.link.readlink().name == OLD
        assert whole(site) == before
        change(site.live, "INSERT INTO metrics VALUES ('after', 1)")
        shutil.rmtree(site.place)
    assert list(dict.fromkeys(reached)) == ["nothing", "stage", "activate"]


def whole(site: Site) -> dict[str, bytes]:
    """Every byte of the former generation."""
    return {name: raw for name, raw in content(site.old.parent).items() if raw}


def furthest(site: Site) -> tuple[str, str]:
    """The last step that ended well, and what was said of the next."""
    done = "nothing"
    for action in ("stage", "seal", "activate"):
        try:
            site.do(action)
        except (StagegateError, OSError) as error:
            return done, str(error)
        done = action
    return done, ""
