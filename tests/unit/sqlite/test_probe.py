"""Preflight refuses every state of a store that a deployment must not meet, and says which."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from stagegate.errors import BadInput, Refused
from stagegate.sqlite import connect
from stagegate.store import generations
from tests.unit.sqlite.helpers import (
    HOLDER,
    OLD,
    Site,
    ask,
    change,
    content,
    kill_with_full_wal,
    make_site,
    process,
)


def test_tells_the_facts_of_a_live_store(site: Site) -> None:
    facts = site.do("probe")["evidence"]
    assert facts["state"] == "generation"
    assert facts["target"] == f"generations/{OLD}"
    assert facts["tables"] == ["entries", "metrics", "sessions", "state"]
    assert facts["journal_mode"] == "wal"
    assert facts["structure"] == "checked"
    assert facts["sqlite"] == sqlite3.sqlite_version


def test_an_empty_host_is_a_first_install(tmp_path: Path) -> None:
    assert Site(tmp_path).do("probe")["evidence"]["state"] == "absent"


def test_changes_no_byte_of_a_database_whose_service_was_killed(site: Site) -> None:
    kill_with_full_wal(site.live, "INSERT INTO metrics VALUES ('late', 1)")
    before = content(site.old.parent)
    assert before["app.db-wal"]
    site.do("probe")
    after = content(site.old.parent)
    assert {k: v for k, v in after.items() if not k.endswith("-shm")} == {
        k: v for k, v in before.items() if not k.endswith("-shm")
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can read another user's database")
def test_leaves_files_that_the_service_can_write(site: Site) -> None:
    for path in (site.old.parent, site.old):
        os.chown(path, 65534, 65534)
    site.do("probe")
    for path in site.old.parent.iterdir():
        assert path.stat().st_uid == 65534, path


def directory_for_link(site: Site) -> None:
    site.link.unlink()
    site.link.mkdir()


def dangling(site: Site) -> None:
    site.link.unlink()
    site.link.symlink_to("generations/gone")


def leads_elsewhere(site: Site) -> None:
    site.link.unlink()
    site.link.symlink_to("/tmp")


def no_link(site: Site) -> None:
    site.link.unlink()


def plain_file(site: Site) -> None:
    site.link.unlink()
    (site.data / "app.db").unlink()
    (site.old.parent).rename(site.data / "app.d")
    (site.data / "app.d" / "app.db").rename(site.data / "app.db")


def zero_bytes(site: Site) -> None:
    site.old.write_bytes(b"")


def no_database(site: Site) -> None:
    site.old.write_bytes(b"this is no database at all, only some text\n" * 100)


def symbolic(site: Site) -> None:
    site.old.rename(site.place / "elsewhere.db")
    site.old.symlink_to(site.place / "elsewhere.db")


def hard_link(site: Site) -> None:
    os.link(site.old, site.place / "second.db")


def stranger(site: Site) -> None:
    (site.old.parent / "index.faiss").write_bytes(b"x")


def mistyped(site: Site) -> None:
    site.options["path"] = str(site.link / "aap.db")


def other_mode(site: Site) -> None:
    site.options["journal_mode"] = "delete"


def missing_table(site: Site) -> None:
    site.options["expect"] = {"tables": ["sessions", "documents"]}


def orphans(site: Site) -> None:
    change(site.old, "INSERT INTO entries(session, key) VALUES ('nobody', 'k')")


def broken_page(site: Site) -> None:
    root = ask(site.old, "SELECT rootpage FROM sqlite_master WHERE name = 'idx_entries_key'")
    with site.old.open("r+b") as handle:
        handle.seek((root - 1) * 4096 + 8)
        handle.write(os.urandom(512))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (directory_for_link, "is a directory, not a link to a generation"),
        (dangling, "dangles"),
        (leads_elsewhere, "leads to '/tmp', not to generations/<name>"),
        (no_link, "refuse to initialise over existing data"),
        (plain_file, "refuse to initialise over existing data"),
        (zero_bytes, "has 0 bytes"),
        (no_database, "file is not a database"),
        (symbolic, "is not an ordinary file"),
        (hard_link, "has 2 hard links"),
        (stranger, "holds more than app.db: index.faiss"),
        (mistyped, "there is no aap.db in"),
        (other_mode, "is in journal mode wal, declared is delete"),
        (missing_table, "lacks the expected tables: documents"),
        (orphans, "entries row 201 has no parent in sessions"),
        (broken_page, "is damaged (pragma integrity_check): "),
    ],
)
def test_refuses(site: Site, spoil: Callable[[Site], None], words: str) -> None:
    spoil(site)
    with pytest.raises(Refused) as refusal:
        site.do("probe")
    assert words in refusal.value.what
    assert refusal.value.code == 10
    assert refusal.value.now
    assert refusal.value.untouched
    assert refusal.value.next


def test_a_mistyped_name_creates_no_file(site: Site) -> None:
    mistyped(site)
    before = content(site.old.parent)
    with pytest.raises(Refused):
        site.do("probe")
    assert content(site.old.parent) == before


def test_a_damaged_page_is_named(site: Site) -> None:
    broken_page(site)
    with pytest.raises(Refused, match=r"[Pp]age \d+|idx_entries_key"):
        site.do("probe")


def test_accepts_the_violations_that_a_user_accepted(site: Site) -> None:
    orphans(site)
    site.options["accepted_violations"] = 1
    assert site.do("probe")["evidence"]["violations"] == 1


def test_a_table_that_the_release_brings_is_not_missed(site: Site) -> None:
    missing_table(site)
    site.release["expected_changes"] = {"documents": {"created": True}}
    assert site.do("probe")["evidence"]["state"] == "generation"


def test_knows_a_store_that_the_ledger_has_elsewhere(site: Site) -> None:
    site.deploy()
    site.options["path"] = str(site.place / "dta" / "current" / "app.db")
    site.options["alias"] = None
    with pytest.raises(Refused, match="the ledger knows this store at"):
        site.do("probe")


def test_a_first_install_that_went_back_can_be_tried_again(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.deploy("CREATE TABLE t (a)")
    site.do("restore")
    again = Site(tmp_path, run_id="20261122T080000Z-ffff")
    assert again.do("probe")["evidence"]["state"] == "absent"


def test_refuses_a_full_disk_with_numbers(small_disk: Callable[[str], Path]) -> None:
    place = small_disk("size=5m")
    site = make_site(place, rows=9000, reserve_mb=1)
    need = 4 * site.old.stat().st_size
    with pytest.raises(Refused, match=r"needed \d+ bytes \(\d+ MB\), free \d+ bytes") as refusal:
        site.do("probe")
    assert f"needed {need + (1 << 20)} bytes" in refusal.value.what


def test_refuses_a_disk_without_inodes(small_disk: Callable[[str], Path]) -> None:
    site = make_site(small_disk("size=64m,nr_inodes=40"))
    with pytest.raises(Refused, match="not enough inodes"):
        site.do("probe")


def test_refuses_a_read_only_place(small_disk: Callable[[str], Path]) -> None:
    place = small_disk("size=64m")
    site = make_site(place)
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    for check_mode in (False, True):
        with pytest.raises(Refused, match="cannot be written"):
            site.do("probe", check_mode=check_mode)


def test_leaves_no_trace_of_its_write_test(site: Site) -> None:
    before = sorted(p for p in site.place.rglob("*") if not p.name.endswith(("-wal", "-shm")))
    site.do("probe")
    after = sorted(p for p in site.place.rglob("*") if not p.name.endswith(("-wal", "-shm")))
    assert after == before


def test_a_locked_database_is_told_as_locked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "BUSY_SECONDS", 0.2)
    change(site.old, "PRAGMA journal_mode = delete")
    site.options["journal_mode"] = "delete"
    with (
        process(HOLDER, str(site.old), "BEGIN EXCLUSIVE"),
        pytest.raises(Refused, match="locked"),
    ):
        site.do("probe")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "Me mory"}, "is not a name"),
        ({"path": "data/current/app.db"}, "absolute path"),
        ({"path": "/data/../current/app.db"}, "absolute path"),
        ({"path": "/app.db"}, "has no live link"),
        ({"alias": "/elsewhere/app.db"}, "must lie in"),
        ({"journal_mode": "memory"}, "is not possible"),
        ({"reserve_mb": "-1"}, "whole number"),
        ({"reserve_mb": True}, "whole number"),
        ({"keep": 0}, "1 or more"),
        ({"owner": "no-such-user-here"}, "does not exist"),
    ],
)
def test_names_the_key_that_is_wrong(site: Site, changes: dict[str, object], words: str) -> None:
    site.options.update(changes)
    with pytest.raises(BadInput, match=words):
        site.do("probe")


@pytest.mark.parametrize(
    ("version", "buggy"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 4), False),
    ],
)
def test_knows_the_versions_with_the_wal_reset_bug(
    version: tuple[int, int, int], buggy: bool
) -> None:
    assert connect.has_wal_reset_bug(version) is buggy


def test_the_link_names_only_generations_beside_it() -> None:
    for bad in ("generations/../x", "/generations/a", "generations/a/b", "generations/", "a"):
        assert not generations.TARGET.fullmatch(bad)
    assert generations.TARGET.fullmatch("generations/gen-20261122T073000Z-ab12")


def test_a_virtual_table_counts_by_its_name(site: Site) -> None:
    with closing(sqlite3.connect(site.old)) as connection:
        connection.execute("CREATE VIRTUAL TABLE notes USING fts5(body)")
        connection.commit()
    site.options["expect"] = {"tables": ["notes"]}
    assert "notes" in site.do("probe")["evidence"]["tables"]
