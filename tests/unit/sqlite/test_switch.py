"""Forward and back are one rename each; what users wrote is never lost unasked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from stagegate.errors import Fenced, StepFailed
from tests.unit.sqlite.helpers import (
    HOLDER,
    OLD,
    Site,
    ask,
    change,
    content,
    kill_in_transaction,
    kill_with_full_wal,
    make_site,
    process,
)

LATE = "INSERT INTO metrics VALUES ('late', 1)"


@pytest.fixture
def ready(site: Site) -> Site:
    """A site with a sealed generation, under the guard."""
    site.do("stage")
    site.migrate()
    site.do("seal")
    site.guard()
    return site


@pytest.fixture
def live(ready: Site) -> Site:
    """A site whose new generation is live."""
    ready.do("activate")
    return ready


def target(site: Site) -> str:
    return str(site.link.readlink())


def test_activates_by_the_link_and_the_steady_name(ready: Site) -> None:
    (ready.data / "app.db").unlink()
    state = ready.do("activate")["state"]
    assert target(ready) == f"generations/gen-{ready.run_id}" == state["new_target"]
    assert state["old_target"] == f"generations/{OLD}"
    assert str((ready.data / "app.db").readlink()) == "current/app.db"
    assert ask(ready.data / "app.db", "SELECT count(*) FROM pragma_table_info('entries')") == 6


def test_activated_twice_is_activated_once(live: Site) -> None:
    before = live.link.lstat()
    live.do("activate")
    assert live.link.lstat().st_ino == before.st_ino


def test_a_first_install_makes_link_and_name(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.deploy("CREATE TABLE t (a); INSERT INTO t VALUES (7)")
    assert ask(site.data / "app.db", "SELECT a FROM t") == 7


def no_guard(site: Site) -> None:
    (site.state / "guard").unlink()


def changed_after_seal(site: Site) -> None:
    change(site.new, "DELETE FROM metrics")


def wal_after_seal(site: Site) -> None:
    kill_with_full_wal(site.new, LATE)


def old_written(site: Site) -> None:
    change(site.old, LATE)


def link_moved(site: Site) -> None:
    shutil.copytree(site.old.parent, site.data / "generations" / "other")
    site.link.unlink()
    site.link.symlink_to("generations/other")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_guard, "the start guard .* is missing"),
        (changed_after_seal, "is not what was sealed"),
        (wal_after_seal, "is not what was sealed: its -wal file was absent, is there"),
        (old_written, "was written to although its services are stopped"),
        (link_moved, "leads to generations/other, neither to"),
    ],
)
def test_activates_nothing_else(ready: Site, spoil: Callable[[Site], None], words: str) -> None:
    spoil(ready)
    before = target(ready)
    with pytest.raises(StepFailed, match=words) as failure:
        ready.do("activate")
    assert failure.value.code == 20
    assert target(ready) == before


@pytest.mark.parametrize("which", ["old", "new"])
def test_activates_nothing_that_is_open(ready: Site, which: str) -> None:
    path = getattr(ready, which)
    with (
        process(
            "import sys,time\nf=open(sys.argv[1])\nprint('ready',flush=True)\ntime.sleep(600)",
            str(path),
        ) as holder,
        pytest.raises(StepFailed, match=rf"pid {holder.pid} "),
    ):
        ready.do("activate")
    assert target(ready) == f"generations/{OLD}"


def test_activates_nothing_unsealed(site: Site) -> None:
    site.do("stage")
    site.guard()
    with pytest.raises(StepFailed, match=r"seal:memory .* is not in the ledger"):
        site.do("activate")


def test_goes_back_without_asking_before_users_were_let_in(live: Site) -> None:
    change(live.live, "INSERT INTO metrics VALUES ('smoke', 1)")
    before = content(live.old.parent)
    state = live.do("restore")["state"]
    assert target(live) == f"generations/{OLD}"
    assert state["lost_rows"] == 0
    assert content(live.old.parent) == before
    assert ask(live.live, "SELECT count(*) FROM metrics") == 5
    assert ask(live.new, "SELECT count(*) FROM metrics") == 6, "what failed is kept"
    assert json.loads((live.evidence / "pinned").read_text())["run"] == live.run_id


def filled(disk: Path) -> None:
    """Leave no byte free on a disk."""
    with suppress(OSError), (disk / "noise.log").open("wb", buffering=0) as noise:
        while True:
            noise.write(b"x" * 4096)


def test_goes_back_on_a_disk_without_a_free_byte(
    tmp_path: Path, small_disk: Callable[[str], Path]
) -> None:
    disk = small_disk("size=8m,mode=755")
    site = make_site(disk / "site")
    (tmp_path / "state").mkdir()
    site.state.symlink_to(tmp_path / "state")
    site.deploy()
    filled(disk)
    assert site.do("restore")["state"]["lost_rows"] == 0
    assert target(site) == f"generations/{OLD}"
    assert ask(site.live, "SELECT count(*) FROM metrics") == 5


def test_a_failed_state_that_cannot_be_kept_is_not_left(
    tmp_path: Path, small_disk: Callable[[str], Path]
) -> None:
    site = make_site(tmp_path)
    site.deploy()
    site.started()
    disk = small_disk("size=64k")
    site.evidence.mkdir(parents=True, exist_ok=True)
    site.evidence.rename(tmp_path / "kept")
    site.evidence.symlink_to(disk)
    filled(disk)
    with pytest.raises(StepFailed, match="No space left"):
        site.do("forensic")
    assert [place.name for place in disk.iterdir()] == ["noise.log"]
    assert target(site) == f"generations/gen-{site.run_id}"
    with pytest.raises(StepFailed, match="nobody counted"):
        site.do("restore")
    assert ask(site.live, "SELECT count(*) FROM metrics") == 5


def test_goes_back_twice_as_once(live: Site) -> None:
    first = live.do("restore")["state"]
    before = live.link.lstat()
    second = live.do("restore")["state"]
    assert live.link.lstat().st_ino == before.st_ino
    assert (second["to_target"], first["to_target"]) == (f"generations/{OLD}",) * 2


def test_a_stale_wal_of_the_failed_release_stays_with_it(site: Site) -> None:
    """The restore of the seed documents copied over the file, and SQLite replayed the WAL."""
    site.deploy()
    kill_with_full_wal(site.live, "DELETE FROM entries; INSERT INTO metrics VALUES ('BAD', 1)")
    assert (site.new.parent / "app.db-wal").stat().st_size > 0
    site.do("restore")
    assert ask(site.live, "SELECT count(*) FROM entries") == 200
    assert ask(site.live, "SELECT count(*) FROM metrics WHERE name = 'BAD'") == 0
    assert ask(site.live, "PRAGMA integrity_check") == "ok"
    change(site.live, LATE)
    assert ask(site.live, "SELECT count(*) FROM metrics WHERE name = 'late'") == 1


def test_a_stale_wal_of_the_former_release_comes_back_with_it(site: Site) -> None:
    kill_with_full_wal(site.live, LATE)
    before = content(site.old.parent)
    site.deploy()
    site.do("restore")
    assert content(site.old.parent) == before
    assert ask(site.live, "SELECT count(*) FROM metrics WHERE name = 'late'") == 1
    assert ask(site.live, "SELECT count(*) FROM entries") == 200


def test_a_half_written_transaction_of_the_former_release_is_its_own_business(
    tmp_path: Path,
) -> None:
    site = make_site(tmp_path, rows=5000, mode="delete")
    site.do("backup")
    kill_in_transaction(site.old, "UPDATE entries SET value = zeroblob(50)")
    site.do("stage")
    site.migrate()
    site.do("seal")
    site.guard()
    site.do("activate")
    site.do("restore")
    assert ask(site.live, "SELECT count(*) FROM entries WHERE value = zeroblob(50)") == 0


def test_back_before_a_first_install_there_is_no_link(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.deploy("CREATE TABLE t (a)")
    state = site.do("restore")["state"]
    assert state["to_target"] is None
    assert not site.link.is_symlink()
    assert not (site.data / "app.db").is_symlink()
    assert site.new.exists()
    assert site.do("restore")["state"]["to_target"] is None


def test_a_generation_that_never_went_live_is_put_aside(site: Site) -> None:
    site.do("stage")
    state = site.do("restore")["state"]
    assert not state["activated"]
    assert Path(state["unfinished"]).name == f"unfinished-gen-{site.run_id}.1"
    assert not site.new.parent.exists()
    assert target(site) == f"generations/{OLD}"


def test_with_nothing_staged_nothing_is_put_back(site: Site) -> None:
    before = content(site.old.parent)
    assert site.do("restore")["state"] == {"activated": False, "unfinished": None}
    assert content(site.old.parent) == before
    assert target(site) == f"generations/{OLD}"


def test_users_rows_are_not_given_up_unasked(live: Site) -> None:
    live.started()
    change(live.live, f"{LATE}; DELETE FROM state WHERE task < 2")
    live.do("forensic")
    assert live.do("delta")["state"]["count"] == 3
    for wrong in (None, 0, 2, 4):
        with pytest.raises(Fenced) as failure:
            live.do("restore", accept_data_loss=wrong)
        assert failure.value.code == 30
        assert "would lose 3 rows" in failure.value.what
        assert "metrics: 1 added; state: 2 deleted" in failure.value.what
        assert "-e accept_data_loss=3" in failure.value.next
        assert "delta.jsonl" in failure.value.now
        assert target(live) == f"generations/gen-{live.run_id}"
    assert live.do("restore", accept_data_loss=3)["state"]["lost_rows"] == 3
    assert target(live) == f"generations/{OLD}"


def test_with_no_row_written_nothing_is_asked(live: Site) -> None:
    live.started()
    live.do("delta")
    assert live.do("restore")["state"]["lost_rows"] == 0


def test_uncounted_rows_are_not_given_up(live: Site) -> None:
    live.started()
    with pytest.raises(StepFailed, match="nobody counted"):
        live.do("restore", accept_data_loss=0)
    live.do("delta")
    change(live.live, LATE)
    with pytest.raises(StepFailed, match="written to after the count"):
        live.do("restore", accept_data_loss=0)


@pytest.mark.parametrize(("admitted", "refused"), [(True, True), (False, False)])
def test_who_was_let_in_can_be_said(live: Site, admitted: bool, refused: bool) -> None:
    change(live.live, LATE)
    live.do("delta")
    if refused:
        with pytest.raises(Fenced):
            live.do("restore", admitted=admitted)
    else:
        assert live.do("restore", admitted=admitted)["state"]["activated"]


def lost_guard(site: Site) -> None:
    (site.state / "guard").unlink()


def wal_replaced(site: Site) -> None:
    (site.old.parent / "app.db-wal").write_bytes(b"x" * 100)


def old_gone(site: Site) -> None:
    shutil.rmtree(site.old.parent)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lost_guard, "the start guard .* is missing"),
        (old_written, "was written to although"),
        (wal_replaced, "its -wal file was absent, is there"),
        (link_moved, "leads to generations/other"),
        (old_gone, "app.db is gone"),
    ],
)
def test_leads_back_only_to_what_was_left(
    live: Site, spoil: Callable[[Site], None], words: str
) -> None:
    spoil(live)
    before = target(live)
    with pytest.raises(Fenced, match=words):
        live.do("restore")
    assert target(live) == before


def test_leads_nowhere_while_the_failed_release_still_writes(live: Site) -> None:
    with (
        process(HOLDER, str(live.live), "BEGIN IMMEDIATE") as holder,
        pytest.raises(Fenced, match=rf"pid {holder.pid} "),
    ):
        live.do("restore")
    assert target(live) == f"generations/gen-{live.run_id}"


def test_a_schema_that_calls_functions_goes_all_the_way(site: Site) -> None:
    """SQLite 3.40 calls json functions unsafe in a schema it was told not to trust."""
    change(
        site.live,
        "CREATE TABLE documents (id INTEGER PRIMARY KEY, body TEXT CHECK (json_valid(body)),"
        " title TEXT GENERATED ALWAYS AS (json_extract(body, '$.title')) VIRTUAL);"
        "CREATE INDEX idx_title ON documents(title);"
        "CREATE INDEX idx_kind ON documents(json_extract(body, '$.kind'));"
        """INSERT INTO documents(body) VALUES ('{"title": "a", "kind": 1}')""",
    )
    site.do("probe")
    site.deploy()
    site.started()
    change(site.live, """UPDATE documents SET body = '{"title": "b"}'""")
    site.do("forensic")
    assert site.do("delta")["state"]["count"] == 1
    site.do("restore", accept_data_loss=1)
    assert ask(site.live, "SELECT title FROM documents") == "a"


def test_forward_again_after_going_back(live: Site) -> None:
    live.do("restore")
    again = Site(live.place, run_id="20261122T090000Z-eeee", options=live.options)
    again.do("probe")
    again.deploy()
    assert target(again) == "generations/gen-20261122T090000Z-eeee"
    again.do("restore")
    assert target(again) == f"generations/{OLD}"


def test_says_in_check_mode_where_the_link_would_lead(ready: Site) -> None:
    forward = ready.do("activate", check_mode=True)
    assert forward["diff"]["after"] == f"generations/gen-{ready.run_id}\n"
    assert target(ready) == f"generations/{OLD}"
    ready.do("activate")
    back = ready.do("restore", check_mode=True)
    assert back["diff"]["after"] == f"generations/{OLD}\n"
    assert target(ready) == f"generations/gen-{ready.run_id}"


def test_time_to_go_back_does_not_depend_on_the_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in bytes read, not in seconds: the same for a database thirty times as large."""

    def bytes_read(place: Path, rows: int) -> int:
        site = make_site(place, rows=rows)
        site.deploy()
        before = int(Path("/proc/self/io").read_text().split("rchar: ")[1].split()[0])
        site.do("restore")
        after = int(Path("/proc/self/io").read_text().split("rchar: ")[1].split()[0])
        return after - before

    small = bytes_read(tmp_path / "small", 1000)
    large = bytes_read(tmp_path / "large", 60_000)
    size = (tmp_path / "large" / "data" / "generations" / OLD / "app.db").stat().st_size
    assert large - small < size // 8
