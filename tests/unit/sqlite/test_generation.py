"""A release gets its own generation of the data; the one that users wrote to is never touched."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stagegate.errors import StepFailed
from stagegate.sqlite import forward
from stagegate.sqlite.rest import fold
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


def test_stages_a_private_copy_and_says_where(site: Site) -> None:
    state = site.do("stage")["state"]
    assert state["database"] == str(site.new)
    assert state["old_target"] == f"generations/{OLD}"
    assert state["new_target"] == f"generations/gen-{site.run_id}"
    assert ask(site.new, "SELECT count(*) FROM entries") == 200
    assert site.new.parent.stat().st_mode & 0o777 == 0o700
    assert site.new.stat().st_mode & 0o777 == 0o600
    assert str(site.link.readlink()) == f"generations/{OLD}", "the link is not moved yet"


def test_a_stale_wal_is_in_the_copy_and_still_in_the_old_generation(site: Site) -> None:
    kill_with_full_wal(site.live, "INSERT INTO metrics VALUES ('only in the WAL', 1)")
    before = content(site.old.parent)
    assert before["app.db-wal"]
    site.do("stage")
    assert content(site.old.parent) == before
    assert ask(site.new, "SELECT count(*) FROM metrics WHERE name = 'only in the WAL'") == 1
    assert sorted(p.name for p in site.new.parent.iterdir()) == ["app.db"]


def test_a_half_written_transaction_is_rolled_back_in_the_copy_alone(tmp_path: Path) -> None:
    site = make_site(tmp_path, rows=5000, mode="delete")
    kill_in_transaction(site.old, "UPDATE entries SET value = zeroblob(50)")
    before = content(site.old.parent)
    assert before["app.db-journal"]
    site.do("stage")
    assert content(site.old.parent) == before
    assert ask(site.new, "SELECT count(*) FROM entries WHERE value = zeroblob(50)") == 0
    assert ask(site.new, "PRAGMA integrity_check") == "ok"


def test_the_clean_old_generation_stays_byte_for_byte(site: Site) -> None:
    before = content(site.old.parent)
    facts = site.old.stat()
    site.deploy()
    after = site.old.stat()
    assert {name: raw for name, raw in content(site.old.parent).items() if raw} == before
    assert (after.st_ino, after.st_mtime_ns) == (facts.st_ino, facts.st_mtime_ns)


@pytest.mark.parametrize("held", ["db", "wal", "shm"])
def test_refuses_while_anybody_has_it_open(site: Site, held: str) -> None:
    program = "import sys, time\nf = open(sys.argv[1])\nprint('ready', flush=True)\ntime.sleep(600)"
    with process(HOLDER, str(site.live), "SELECT 1", "SELECT * FROM entries") as holder:
        target = {"db": site.old, "wal": f"{site.old}-wal", "shm": f"{site.old}-shm"}[held]
        with process(program, str(target)) as second:
            if held != "db":
                holder.kill()
                holder.wait()
            with pytest.raises(StepFailed) as failure:
                site.do("stage")
            assert f"pid {second.pid} " in failure.value.what
            assert "python" in failure.value.what
    assert not site.new.parent.exists()
    assert site.kinds("stage:memory") == ["intent", "failed"]


def test_refuses_a_writer_that_comes_while_it_copies(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = forward.copy_at_rest

    def disturbed(source: Path, target: Path) -> None:
        usual(source, target)
        change(source, "INSERT INTO metrics VALUES ('cron', 1)")

    monkeypatch.setattr(forward, "copy_at_rest", disturbed)
    with pytest.raises(StepFailed, match="was written to although its services are stopped"):
        site.do("stage")


def test_a_backup_becomes_a_generation_when_the_live_one_is_damaged(site: Site) -> None:
    site.do("backup")
    directory = str(site.backup)
    raw = bytearray(site.old.read_bytes())
    raw[:200] = bytes(200)
    site.old.write_bytes(raw)
    again = Site(site.place, run_id="20261123T000000Z-cd34", options=site.options)
    evidence = again.do("stage", directory=directory)["evidence"]
    assert evidence["backup"] == str(site.backup / "app.db")
    again.do("seal")
    again.guard()
    again.do("activate")
    assert ask(again.live, "SELECT count(*) FROM entries") == 200
    assert site.old.read_bytes() == bytes(raw), "what was damaged is kept"


def test_a_backup_becomes_a_generation_where_there_is_none(site: Site, tmp_path: Path) -> None:
    site.do("backup")
    fresh = Site(tmp_path / "fresh", options=site.options)
    fresh.do("stage", directory=str(site.backup))
    fresh.do("seal")
    fresh.guard()
    fresh.do("activate")
    assert ask(fresh.live, "SELECT count(*) FROM entries") == 200
    fresh.do("restore")
    assert not fresh.link.is_symlink()


def test_a_damaged_backup_becomes_no_generation(site: Site) -> None:
    site.do("backup")
    with (site.backup / "app.db").open("r+b") as handle:
        handle.write(b"x")
    again = Site(site.place, run_id="20261123T000000Z-cd34", options=site.options)
    with pytest.raises(StepFailed, match="is not usable"):
        again.do("stage", directory=str(site.backup))
    assert not again.new.parent.exists()


def test_a_first_install_begins_with_an_empty_database(tmp_path: Path) -> None:
    site = Site(tmp_path)
    state = site.do("stage")["state"]
    assert state["old_target"] is None
    assert ask(site.new, "SELECT count(*) FROM sqlite_master") == 0
    assert site.new.read_bytes().startswith(b"SQLite format 3\0")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_everything_belongs_to_the_service(tmp_path: Path) -> None:
    site = make_site(tmp_path, owner="nobody")
    site.do("stage")
    site.migrate()
    os.chown(site.new, 0, 0)
    site.new.chmod(0o644)
    site.do("seal")
    for path in (site.new, site.new.parent):
        assert path.owner() == "nobody", path
    assert site.new.stat().st_mode & 0o777 == 0o600
    assert site.data.stat().st_uid == 0
    assert site.new.parent.parent.stat().st_uid == 0


def test_staged_again_it_begins_with_a_new_copy(site: Site) -> None:
    site.do("stage")
    change(site.new, "DROP TABLE metrics")
    evidence = site.do("stage")["evidence"]
    assert ask(site.new, "SELECT count(*) FROM metrics") == 5
    left = Path(evidence["unfinished"])
    assert left.name == f"unfinished-gen-{site.run_id}.1"
    assert (left / "app.db").exists(), "what was begun is kept"


def test_a_generation_that_everybody_may_write_to_is_no_place(site: Site) -> None:
    (site.data / "generations").chmod(0o777)
    site.data.chmod(0o777)
    with pytest.raises(StepFailed, match="not everybody may write"):
        site.do("stage")


def test_seals_what_was_declared(site: Site) -> None:
    site.do("stage")
    site.migrate()
    result = site.do("seal")
    assert result["evidence"]["changes"] == {}
    assert result["state"]["database"] == str(site.new)
    image = Path(result["state"]["image"])
    assert image.read_bytes() == site.new.read_bytes()
    assert sorted(p.name for p in site.new.parent.iterdir()) == ["app.db"]
    assert not (site.state / "scratch" / site.run_id / "memory" / "frozen" / "app.db").exists()


@pytest.mark.parametrize(("mode", "byte"), [("wal", 2), ("delete", 1)])
def test_sets_the_declared_journal_mode(tmp_path: Path, mode: str, byte: int) -> None:
    site = make_site(tmp_path, mode=mode)
    site.do("stage")
    site.migrate()
    site.do("seal")
    assert site.new.read_bytes()[18] == byte


def test_a_migration_that_was_killed_with_a_wal_is_sealed_whole(site: Site) -> None:
    site.do("stage")
    change(site.new, "PRAGMA journal_mode = wal")
    kill_with_full_wal(site.new, "ALTER TABLE entries ADD COLUMN note TEXT")
    site.do("seal")
    assert ask(site.new, "SELECT count(*) FROM pragma_table_info('entries')") == 6
    assert sorted(p.name for p in site.new.parent.iterdir()) == ["app.db"]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("DELETE FROM entries WHERE id = 17", "1 row deleted from entries (declared: 0; first key"),
        ("UPDATE sessions SET user = 'x' WHERE id = 's000001'", "1 row changed in sessions"),
        ("DROP INDEX idx_entries_key", "the index idx_entries_key is missing"),
        ("DROP TABLE metrics", "the table metrics is gone with 5 rows"),
        ("INSERT INTO entries(session, key) VALUES ('nobody', 'k')", "has no parent in sessions"),
    ],
)
def test_seals_nothing_else(site: Site, sql: str, words: str) -> None:
    site.options["expect"] = {"indexes": ["idx_entries_key"]}
    site.do("stage")
    site.migrate(sql)
    with pytest.raises(StepFailed) as failure:
        site.do("seal")
    assert words in failure.value.what
    assert str(site.link.readlink()) == f"generations/{OLD}"


def test_finds_what_was_written_after_the_backup(site: Site) -> None:
    """The frozen state counts, not the backup: a row between the two is no change."""
    site.do("backup")
    change(site.live, "INSERT INTO entries(session, key) VALUES ('s000001', 'late')")
    site.do("stage")
    site.migrate()
    assert site.do("seal")["evidence"]["rows"]["entries"] == 201


def test_refuses_to_seal_while_the_migration_still_runs(site: Site) -> None:
    site.do("stage")
    with (
        process(HOLDER, str(site.new), "BEGIN IMMEDIATE"),
        pytest.raises(StepFailed, match="is still open"),
    ):
        site.do("seal")


def test_what_somebody_else_has_open_is_not_folded(tmp_path: Path) -> None:
    place = tmp_path / "app.db"
    with closing(sqlite3.connect(place)) as other:
        other.execute("PRAGMA journal_mode = wal")
        other.execute("CREATE TABLE t (a)")
        other.commit()
        other.execute("SELECT * FROM t").fetchall()
        with pytest.raises(StepFailed, match="left beside it after a clean close"):
            fold(place, "wal")
    fold(place, "wal")


@pytest.mark.parametrize("how", ["symbolic", "hard"])
def test_a_link_that_a_migration_leaves_leads_us_nowhere(site: Site, how: str) -> None:
    """A migration runs as the service: it must not make root touch a file of its choice."""
    site.do("stage")
    victim = site.place / "victim.db"
    site.new.rename(victim)
    if how == "symbolic":
        site.new.symlink_to(victim)
    else:
        os.link(victim, site.new)
    victim.chmod(0o644)
    before = victim.read_bytes()
    with pytest.raises(StepFailed, match=r"not an ordinary file|2 hard links"):
        site.do("seal")
    assert victim.read_bytes() == before
    assert victim.stat().st_mode & 0o777 == 0o644


def test_without_a_stage_there_is_nothing_to_seal(site: Site) -> None:
    with pytest.raises(StepFailed, match=r"stage:memory .* is not in the ledger"):
        site.do("seal")


def test_resumed_after_the_seal_nothing_is_done_again(site: Site) -> None:
    site.do("stage")
    site.migrate()
    first = site.do("seal")["state"]
    before = site.new.stat()
    assert site.do("stage")["evidence"]["resumed"]
    assert site.do("seal")["state"] == first
    after = site.new.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_resumed_after_the_start_the_live_generation_is_left_alone(site: Site) -> None:
    site.deploy()
    change(site.live, "INSERT INTO metrics VALUES ('user', 1)")
    for action in ("stage", "seal", "activate"):
        site.do(action)
    assert ask(site.live, "SELECT count(*) FROM metrics WHERE name = 'user'") == 1


def test_a_generation_changed_after_its_seal_is_sealed_anew(site: Site) -> None:
    site.do("stage")
    site.migrate()
    site.do("seal")
    change(site.new, "DELETE FROM metrics")
    with pytest.raises(StepFailed):
        site.do("seal")


def test_says_in_check_mode_what_it_would_make(site: Site) -> None:
    result = site.do("stage", check_mode=True)
    assert str(site.new) in result["diff"]["after"]
    assert not site.new.parent.exists()
    assert not site.state.exists()


def test_room_of_the_drilled_copy_is_given_back(site: Site) -> None:
    drilled = Path(site.do("backup")["state"]["scratch"])
    assert drilled.exists()
    site.do("stage")
    assert not drilled.exists()


def test_an_unknown_link_is_not_followed(site: Site) -> None:
    shutil.rmtree(site.old.parent)
    with pytest.raises(StepFailed):
        site.do("stage")
