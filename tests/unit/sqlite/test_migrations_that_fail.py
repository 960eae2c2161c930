"""Whatever a migration does to its copy, the live data are as they were, and the next run works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stagegate.errors import Refused, StepFailed
from stagegate.journal import open_journal
from stagegate.migrate.sql import RUNNER, apply
from tests.unit.migrate.test_sql import release
from tests.unit.sqlite.helpers import (
    HOLDER,
    OLD,
    Site,
    ask,
    change,
    content,
    make_site,
    process,
)

NEXT = "20261123T000000Z-cd34"
GOOD = {
    "0001.words.sql": "CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL);",
    "0002.size.sql": "-- depends: 0001.words\nALTER TABLE words ADD COLUMN size INTEGER;",
}
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n;"


@pytest.fixture
def site(site: Site) -> Site:
    """A live database whose account is yoyo's own."""
    change(site.live, "DROP TABLE _yoyo_migration")
    return site


def next_run(site: Site, run: str = NEXT) -> Site:
    """The same host in a later run."""
    return Site(site.place, run_id=run, options=site.options)


def migrate(site: Site, place: Path, deadline: float = 30.0) -> None:
    """Apply a release's migrations to the staged generation, as the phase does."""
    params = {
        "database": str(site.new),
        "release_path": str(place),
        "python": sys.executable,
        "deadline": deadline,
    }
    with open_journal(site.run) as journal:
        apply(
            journal,
            "migrate",
            {"name": "memory", "migrations": {"directory": "migrations"}},
            params,
        )


def go_live(site: Site, place: Path) -> None:
    """The whole way with a release that is good."""
    site.do("probe")
    site.do("backup")
    site.do("stage")
    migrate(site, place)
    site.do("seal")
    site.guard()
    site.do("activate")
    (site.state / "guard").unlink()


def unharmed(site: Site, before: dict[str, bytes]) -> None:
    """The run goes back: the live database is byte for byte what it was, and serves."""
    site.guard()
    assert not site.do("restore")["state"]["activated"]
    (site.state / "guard").unlink()
    assert str(site.link.readlink()) == f"generations/{OLD}"
    assert {name: raw for name, raw in content(site.old.parent).items() if raw} == before


HALF = "ALTER TABLE entries ADD COLUMN note TEXT;\nCREATE TABLE half (x);\n"


@pytest.mark.parametrize("ends_its_transaction", [False, True])
def test_a_migration_that_dies_between_two_definitions_leaves_nothing_behind(
    site: Site, tmp_path: Path, ends_its_transaction: bool
) -> None:
    half = HALF + ("COMMIT;\n" if ends_its_transaction else "")
    half += "INSERT INTO nowhere VALUES (1);"
    bad = release(tmp_path / "2.0", {**GOOD, "0003.half.sql": half})
    before = content(site.old.parent)
    site.do("stage")
    with pytest.raises(StepFailed, match="no such table: nowhere") as failure:
        migrate(site, bad)
    assert failure.value.now == "it ran on a copy; the live data are as they were"
    if ends_its_transaction:
        assert ask(site.new, "SELECT count(*) FROM sqlite_master WHERE name = 'half'") == 1
    unharmed(site, before)
    later = next_run(site)
    go_live(later, release(tmp_path / "2.1", GOOD))
    assert ask(later.live, "SELECT count(*) FROM sqlite_master WHERE name = 'half'") == 0
    assert ask(later.live, "SELECT count(*) FROM entries") == 200


def test_an_account_that_forgot_a_migration_stops_the_next_one_on_its_copy(
    site: Site, tmp_path: Path
) -> None:
    """Half: the account says old, the objects are new. Nothing is led down by a number of steps."""
    go_live(site, release(tmp_path / "1.1", GOOD))
    change(site.live, "DELETE FROM _yoyo_migration WHERE migration_id = '0002.size'")
    later = next_run(site)
    before = content(site.new.parent)
    later.do("stage")
    with pytest.raises(StepFailed, match="duplicate column name: size"):
        migrate(later, tmp_path / "1.1")
    later.guard()
    left = Path(later.do("restore")["state"]["unfinished"])
    assert left.name == f"unfinished-gen-{NEXT}.1"
    assert {name: raw for name, raw in content(site.new.parent).items() if raw} == before
    assert str(site.link.readlink()) == f"generations/gen-{site.run_id}"


def test_an_account_that_names_what_is_not_there_is_refused_before_anything(
    site: Site, tmp_path: Path
) -> None:
    go_live(site, release(tmp_path / "1.1", GOOD))
    change(site.live, "DROP TABLE words")
    site.options["expect"] = {"tables": ["words"]}
    with pytest.raises(Refused, match="lacks the expected tables: words"):
        next_run(site).do("probe")


def test_a_migration_that_waits_for_a_lock_is_over_at_its_deadline(
    site: Site, tmp_path: Path
) -> None:
    place = release(tmp_path / "1.1", GOOD)
    before = content(site.old.parent)
    site.do("stage")
    with process(HOLDER, str(site.new), "BEGIN IMMEDIATE"):
        begun = time.monotonic()
        with pytest.raises(StepFailed, match="did not end before its deadline"):
            migrate(site, place, deadline=1.0)
        assert time.monotonic() - begun < 5
    unharmed(site, before)


def test_a_disk_that_a_migration_fills_leaves_the_live_data_room_to_write(
    tmp_path: Path, small_disk: Callable[[str], Path]
) -> None:
    """The service has its database on the same file system."""
    site = make_site(small_disk("size=6m"), rows=2000)
    change(site.live, "DROP TABLE _yoyo_migration")
    large = ENDLESS.replace("SELECT max(i) FROM n", "SELECT randomblob(1000), i FROM n")
    place = release(tmp_path / "2.0", {"0001.large.sql": f"CREATE TABLE large AS {large}"})
    before = content(site.old.parent)
    site.do("stage")
    with pytest.raises(StepFailed, match="disk is full") as failure:
        migrate(site, place)
    assert failure.value.now == "it ran on a copy; the live data are as they were"
    unharmed(site, before)
    change(site.live, "INSERT INTO metrics VALUES ('after', 1)")
    assert ask(site.live, "PRAGMA integrity_check") == "ok"


@contextmanager
def migrating_by_hand(database: Path, place: Path) -> Iterator[subprocess.Popen[bytes]]:
    """An operator's yoyo on a database, in the middle of its migration."""
    libraries = [str(place / "lib"), str(place / "migrations"), str(database)]
    operator = subprocess.Popen(
        [sys.executable, "-I", "-c", RUNNER, *libraries], start_new_session=True
    )
    try:
        end = time.monotonic() + 20
        while not locked_by(database, operator.pid):
            assert time.monotonic() < end
            time.sleep(0.02)
        yield operator
    finally:
        operator.kill()
        operator.wait()


def locked_by(database: Path, pid: int) -> bool:
    """True while yoyo's own lock in a database names a process."""
    tables = ask(database, "SELECT count(*) FROM sqlite_master WHERE name = 'yoyo_lock'")
    return bool(tables) and ask(database, "SELECT max(pid) FROM yoyo_lock") == pid


def test_the_lock_of_a_migration_that_was_killed_on_the_live_data_holds_up_nobody(
    site: Site, tmp_path: Path
) -> None:
    """yoyo notes its lock as a row; whoever dies with it leaves it to every copy."""
    with migrating_by_hand(site.live, release(tmp_path / "0.9", {"0000.x.sql": ENDLESS})) as died:
        died.send_signal(signal.SIGKILL)
        died.wait()
    assert locked_by(site.live, died.pid)
    begun = time.monotonic()
    go_live(site, release(tmp_path / "1.1", GOOD))
    assert time.monotonic() - begun < 8, "yoyo itself gives up after ten seconds"
    assert ask(site.live, "SELECT count(*) FROM yoyo_lock") == 0
    with open_journal(site.run) as journal:
        done = journal.last_done("migrate", "apply:memory")
    assert done is not None
    assert done.evidence["lock_removed"] == died.pid


def test_a_migration_at_work_on_the_live_data_stops_the_freeze_and_is_named(
    site: Site, tmp_path: Path
) -> None:
    by_hand = release(tmp_path / "0.9", {"0000.x.sql": ENDLESS})
    with (
        migrating_by_hand(site.live, by_hand) as operator,
        pytest.raises(StepFailed, match=rf"pid {operator.pid} "),
    ):
        site.do("stage")
    assert not site.new.parent.exists()


def test_killed_in_the_middle_it_is_told_and_the_same_run_begins_with_a_new_copy(
    site: Site, tmp_path: Path
) -> None:
    place = release(tmp_path / "1.1", {"0001.words.sql": f"CREATE TABLE words (x);{ENDLESS}"})
    before = content(site.old.parent)
    site.do("stage")
    killer = threading.Thread(target=kill_migration, args=(site.new,))
    killer.start()
    with pytest.raises(StepFailed, match="status -9"):
        migrate(site, place)
    killer.join()
    (place / "migrations" / "0001.words.sql").write_text(GOOD["0001.words.sql"])
    assert Path(site.do("stage")["evidence"]["unfinished"]).is_dir()
    assert {name: raw for name, raw in content(site.old.parent).items() if raw} == before
    migrate(site, place)
    site.do("seal")
    site.guard()
    site.do("activate")
    assert ask(site.live, "SELECT count(*) FROM words") == 0


def kill_migration(database: Path) -> None:
    """End the process that holds yoyo's lock, as the kernel would when it is out of memory."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        tables = ask(database, "SELECT count(*) FROM sqlite_master WHERE name = 'yoyo_lock'")
        pid = ask(database, "SELECT max(pid) FROM yoyo_lock") if tables else None
        if pid:
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.02)
