"""A backup is one instant, proved by a restore, and anything less is refused by name."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import Fenced, StagegateError, StepFailed
from stagegate.postgresql import image
from tests.servers import postgresql
from tests.unit.postgresql.helpers import OWNER, READER, ROWS, SCHEMA, Site, opened

DUMPING = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'stagegate/%/dump%'"


def test_says_what_it_copied(site: Site) -> None:
    result = site.do("backup")
    evidence, state = result["evidence"], result["state"]
    assert evidence["tables"] == {"history": 100, "metrics": 4, "pairs": 10, "users": 100}
    assert (evidence["rows"], evidence["level"]) == (214, 3)
    assert evidence["roles"] == [OWNER, READER]
    assert state["database"] == str(site.dump)
    assert state["scratch"].startswith(f"postgresql:///{site.beside('drill')}?host=/")
    assert site.kinds("store:history") == ["intent", "done"]


def test_keeps_it_private_and_the_manifest_tells_all(site: Site) -> None:
    site.do("backup")
    assert sorted(p.name for p in site.backup.iterdir()) == ["manifest.json", "sparkle.dump"]
    assert {p.stat().st_mode & 0o777 for p in site.backup.iterdir()} == {0o600}
    assert site.backup.stat().st_mode & 0o777 == 0o700
    manifest = json.loads((site.backup / "manifest.json").read_text())
    assert manifest["tables"]["pairs"]["key"] == ["a", "b"]
    assert manifest["sequences"] == {"history_id_seq": 100, "users_id_seq": 100}
    assert "alembic_version" not in str(manifest["objects"])
    assert manifest["properties"]["settings"] == [["", ["search_path=public, pg_temp"]]]


def test_the_drilled_copy_is_the_live_database_again(site: Site) -> None:
    site.do("backup")
    copy = site.beside("drill")
    for query in ("SELECT * FROM users ORDER BY 1", "TABLE recent", "TABLE alembic_version"):
        assert site.sql(query, copy) == site.sql(query)
    assert site.sql("SHOW search_path", copy) == "public, pg_temp"
    assert site.limit(copy) == 17
    assert site.sql("SELECT 1", copy, READER) == "1"


def test_holds_one_instant_beside_a_busy_writer(site: Site) -> None:
    stop = threading.Event()

    def write() -> None:
        with opened(site) as session:
            while not stop.is_set():
                session.execute("INSERT INTO users (name) VALUES ('busy')")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        rows = site.do("backup")["evidence"]["tables"]["users"]
    finally:
        stop.set()
        writer.join()
    assert site.sql("SELECT count(*) FROM users", site.beside("drill")) == str(rows)
    assert int(site.sql("SELECT count(*) FROM users")) > rows > 100


def test_numbers_given_away_behind_the_dump_are_no_fault_of_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sequence belongs to no snapshot: here a row comes after the dump read it, by an event."""
    dumped, dump, describe = threading.Event(), image.dump, image.describe

    def dump_and_tell(*given: Any) -> None:
        try:
            dump(*given)
        finally:
            dumped.set()

    def describe_late(*given: Any) -> dict[str, Any]:
        assert dumped.wait(60)
        site.sql("INSERT INTO users (name) VALUES ('late')")
        return describe(*given)

    monkeypatch.setattr(image, "dump", dump_and_tell)
    monkeypatch.setattr(image, "describe", describe_late)
    assert site.do("backup")["evidence"]["tables"]["users"] == 100
    assert site.sql("SELECT count(*) FROM users") == "101"


def test_a_finished_backup_is_proved_and_restored_again_when_the_run_goes_on(site: Site) -> None:
    first = site.do("backup")["state"]
    site.sql("DROP TABLE history CASCADE", site.beside("drill"))
    site.sql("DELETE FROM metrics")
    assert site.do("backup")["state"] == first
    assert site.sql("SELECT count(*) FROM history", site.beside("drill")) == "100"


def test_a_first_install_says_so_and_gives_an_empty_copy_to_rehearse_on(empty: Site) -> None:
    result = empty.do("backup")
    assert result["state"]["absent"] is True
    assert result["evidence"]["reason"] == "there was no database yet"
    assert empty.databases() == {empty.beside("drill")}
    empty.sql("CREATE TABLE users (id int PRIMARY KEY)", empty.beside("drill"))
    assert empty.do("compare")["evidence"]["rows"] == {"users": 0}
    assert empty.do("verify")["evidence"]["absent"] is True


def cut(site: Site) -> None:
    os.truncate(site.dump, site.dump.stat().st_size * 2 // 3)


def flip(site: Site) -> None:
    times = site.dump.stat()
    content = bytearray(site.dump.read_bytes())
    content[len(content) // 2] ^= 1
    site.dump.write_bytes(content)
    os.utime(site.dump, ns=(times.st_atime_ns, times.st_mtime_ns))


def other_key(site: Site) -> None:
    manifest = json.loads((site.backup / "manifest.json").read_text())
    (site.backup / "manifest.json").write_text(json.dumps({**manifest, "more": 1}))


def other_database(site: Site) -> None:
    manifest = json.loads((site.backup / "manifest.json").read_text())
    (site.backup / "manifest.json").write_text(json.dumps({**manifest, "database": "orders"}))


def linked(site: Site) -> None:
    aside = site.dump.with_name("elsewhere")
    site.dump.rename(site.state / "elsewhere")
    site.dump.symlink_to(site.state / aside.name)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (cut, r"has \d+ bytes, its manifest says \d+"),
        (flip, "has the digest"),
        (lambda site: os.truncate(site.dump, 0), "has 0 bytes"),
        (lambda site: site.dump.unlink(), "sparkle.dump is missing"),
        (lambda site: (site.backup / "manifest.json").unlink(), "it was never finished"),
        (lambda site: (site.backup / "more").touch(), "not in its manifest"),
        (lambda site: os.utime(site.dump), "written after its manifest"),
        (lambda site: os.link(site.dump, site.state / "twin"), "hard link"),
        (linked, "not an ordinary file"),
        (other_key, "unknown key 'more'"),
        (other_database, "is of the database orders .*, not of sparkle"),
    ],
)
def test_a_backup_that_is_not_what_was_written_is_refused(
    proved: Site, damage: Callable[[Site], None], words: str
) -> None:
    damage(proved)
    with pytest.raises(StepFailed, match=words):
        proved.do("verify")
    with pytest.raises(Fenced, match=words):
        proved.do("verify", phase="rollback")


@pytest.fixture(scope="module")
def backed_up(cluster: postgresql.Cluster, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A backup, taken once for all tests that damage a copy of it; its database is gone."""
    site = Site(cluster, tmp_path_factory.mktemp("backed-up"))
    cluster.sql(f"CREATE DATABASE sparkle TEMPLATE filled OWNER {OWNER}")
    site.do("backup")
    for name in site.databases():
        cluster.sql(f"DROP DATABASE {name} WITH (FORCE)")
    return site


@pytest.fixture
def proved(backed_up: Site, tmp_path: Path) -> Site:
    """A copy of a backup that may be damaged."""
    state = tmp_path / "state"
    shutil.copytree(backed_up.state, state)
    return Site(backed_up.cluster, state)


def test_verify_restores_once_more_and_leaves_nothing(proved: Site) -> None:
    evidence = proved.do("verify")["evidence"]
    assert evidence["rows"] == 214
    assert proved.databases() == set()


def test_a_missing_role_is_named_before_anything_is_restored(proved: Site) -> None:
    manifest = json.loads((proved.backup / "manifest.json").read_text())
    text = json.dumps({**manifest, "roles": [*manifest["roles"], "auditor"]})
    (proved.backup / "manifest.json").write_text(text)
    with pytest.raises(StepFailed, match="it needs the roles auditor"):
        proved.do("verify")
    assert proved.databases() == set()


def test_a_role_that_was_dropped_since_the_backup_is_named(proved: Site) -> None:
    """The digest is right, and still nobody could restore it on this server."""
    proved.admin(f"DROP OWNED BY {READER}")
    proved.sql(f"DROP OWNED BY {READER}", "filled", proved.cluster.admin)
    proved.admin(f"DROP ROLE {READER}")
    try:
        with pytest.raises(StepFailed, match=f"it needs the roles {READER}"):
            proved.do("verify")
        with pytest.raises(Fenced, match=f"it needs the roles {READER}"):
            proved.do("verify", phase="rollback")
        assert proved.databases() == set()
    finally:
        proved.admin(f"CREATE ROLE {READER} LOGIN")
        proved.sql(f"GRANT SELECT ON users TO {READER}", "filled", OWNER)


LIMITED = """
CREATE TABLE limits (most int);
INSERT INTO limits VALUES (1000);
CREATE FUNCTION below(v int) RETURNS boolean LANGUAGE sql AS 'SELECT v < most FROM limits';
ALTER TABLE metrics ADD CONSTRAINT metrics_below CHECK (below(value));
"""
"""A restore fills tables with an empty search path: what such a check asks for is not found."""


def test_a_dump_without_a_fault_that_no_server_can_restore_is_no_backup(site: Site) -> None:
    before = site.databases()
    site.sql(LIMITED)
    with pytest.raises(StepFailed, match='relation "limits" does not exist') as failure:
        site.do("backup")
    assert failure.value.untouched == "the live database"
    assert not site.backup.exists()
    assert site.databases() == {*before, site.beside("drill")}, "left for examination"
    assert site.kinds("store:history") == ["intent", "failed"]


def test_a_restore_that_brings_other_rows_back_is_no_backup(proved: Site) -> None:
    manifest = json.loads((proved.backup / "manifest.json").read_text())
    manifest["tables"]["users"]["digest"] = "0" * 32
    (proved.backup / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(StepFailed, match="users has other content than its source, in as many"):
        proved.do("verify")
    assert proved.databases() == set()


@dataclass
class Dumping:
    """A backup held in the middle of its dump: the server's process for it stands still."""

    server_pid: int = 0
    failures: list[StagegateError] = field(default_factory=list)


@contextmanager
def dumping(site: Site) -> Iterator[Dumping]:
    """Begin a backup and hold it in mid dump for the block; afterwards it has ended."""
    held = Dumping()

    def back_up() -> None:
        try:
            site.do("backup")
        except StagegateError as error:
            held.failures.append(error)

    thread = threading.Thread(target=back_up)
    with opened(site, user=site.cluster.admin, database="postgres") as watcher:
        thread.start()
        while not held.server_pid:
            assert thread.is_alive(), held.failures
            found = watcher.execute(DUMPING).fetchone()
            held.server_pid = found[0] if found else 0
    os.kill(held.server_pid, signal.SIGSTOP)
    yield held
    thread.join(30)
    with suppress(ProcessLookupError):
        os.kill(held.server_pid, signal.SIGCONT)
    assert not thread.is_alive()


def test_a_server_killed_in_mid_dump_leaves_no_backup(tmp_path: Path) -> None:
    with postgresql.running() as cluster:
        cluster.sql(f"CREATE ROLE {OWNER} LOGIN; CREATE ROLE {READER}")
        cluster.sql(f"CREATE DATABASE sparkle OWNER {OWNER}")
        site = Site(cluster, tmp_path / "state")
        site.sql(SCHEMA + ROWS.format(rows=10))
        with dumping(site) as held:
            os.kill(held.server_pid, signal.SIGKILL)
            cluster.stop("immediate")
        assert [type(error) for error in held.failures] == [StepFailed]
        assert not site.backup.exists()
        cluster.start()
        assert site.do("backup")["evidence"]["tables"]["users"] == 10
    assert site.kinds("store:history") == ["intent", "failed", "intent", "done"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB; only root may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this machine mounts nothing for us")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_disk_that_fills_up_ends_the_backup_before_it_ends_the_service(
    site: Site, small_disk: Path
) -> None:
    site.state = small_disk / "state"
    site.options["reserve_mb"] = 4
    with dumping(site) as held:
        (small_disk / "ballast").write_bytes(bytes(37 << 20))
    assert "the disk fills up: free" in held.failures[0].what
    assert not site.backup.exists()
    assert site.sql("SELECT count(*) FROM metrics") == "4"
