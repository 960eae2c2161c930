"""A backup is what Redis held at one instant, and a server has loaded it before it counts."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stagegate.errors import BadInput, Fenced, Refused, StepFailed
from stagegate.redis import image
from stagegate.redis.content import read_content
from stagegate.redis.server import info
from tests.unit.redis.helpers import Site

KEYS = 2 * (200 + 20 + 6)


def test_a_backup_holds_every_key_of_every_database(site: Site) -> None:
    evidence = site.do("backup")["evidence"]
    assert evidence["keys"] == KEYS
    assert evidence["databases"] == {"0": KEYS // 2, "3": KEYS // 2}
    assert evidence["volatile_keys"] == 40
    assert site.kinds("store:cache") == ["intent", "done"]
    assert sorted(p.name for p in site.backup.iterdir()) == ["dump.rdb", "manifest.json"]
    assert (site.backup / "dump.rdb").stat().st_mode & 0o777 == 0o600


def test_the_digest_is_that_of_the_live_content(site: Site) -> None:
    """Though the copy was read in another process, whose sets and hashes are in another order."""
    evidence = site.do("backup")["evidence"]
    with site.client() as client:
        live = read_content(client)
    assert live.sha256 == evidence["content"]
    assert live.keys == evidence["keys"]


@pytest.mark.parametrize(
    "change",
    [
        ("SET", "key:7", "another"),
        ("SREM", "members", "member 7"),
        ("HSET", "profile", "f7", "other"),
        ("ZADD", "ranks", 7.5, "player 7"),
        ("LSET", "queue", 7, "x"),
        ("XADD", "events", "1-2", "kind", "logout"),
        ("XGROUP", "SETID", "events", "readers", "1-1"),
        ("DEL", "key:7"),
        ("RENAME", "key:7", "key:seven"),
        ("MOVE", "key:7", 5),
    ],
)
def test_every_change_of_content_changes_the_digest(site: Site, change: tuple[str, ...]) -> None:
    with site.client() as client:
        before = read_content(client)
        client.call("SELECT", 0)
        client.call(*change)
        assert read_content(client).sha256 != before.sha256


def test_a_longer_life_is_no_other_content(site: Site) -> None:
    with site.client() as client:
        before = read_content(client)
        client.call("SELECT", 0)
        client.call("PEXPIRE", "session:1", 7200_000)
        assert read_content(client) == before


def test_users_write_on_while_a_backup_is_taken(appending: Site) -> None:
    over = threading.Event()
    written = []

    def write() -> None:
        with appending.client() as client:
            while not over.is_set():
                client.call("SET", f"late:{len(written)}", "x")
                written.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        evidence = appending.do("backup")["evidence"]
    finally:
        over.set()
        writer.join()
    assert KEYS <= evidence["keys"] <= KEYS + len(written)
    assert evidence["counted_in"].startswith("the image")
    assert not evidence["frozen"]


def test_a_backup_of_a_resumed_run_is_not_taken_twice(site: Site) -> None:
    first = site.do("backup")
    with site.client() as client:
        client.call("SET", "later", 1)
    again = site.do("backup")
    assert again["evidence"]["sha256"] == first["evidence"]["sha256"]
    assert site.kinds("store:cache") == ["intent", "done"] * 2


def test_nothing_of_a_failed_backup_is_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise StepFailed("the disk is gone")

    monkeypatch.setattr(image, "read_content", broken)
    with pytest.raises(StepFailed, match="the disk is gone"):
        site.do("backup")
    assert not site.backup.exists()
    assert not (site.state / "scratch" / site.run_id / "cache").exists()
    assert site.kinds("store:cache") == ["intent", "failed"]


def test_a_snapshot_that_redis_cannot_write_is_no_backup(site: Site) -> None:
    (site.server.data / "dump.rdb").mkdir()
    with pytest.raises(StepFailed, match="did not write its snapshot"):
        site.do("backup")
    assert not site.backup.exists()


def test_the_own_server_of_a_drill_is_gone_and_had_no_port(site: Site) -> None:
    site.do("backup")
    task = site.task("backup")
    with image.served_image(task, site.backup / "dump.rdb", 16) as client:
        assert client.call("CONFIG", "GET", "port")[1] == b"0"
        process = Path("/proc") / info(client, "server")["process_id"]
        for place in (task.scratch, task.scratch / "redis.sock"):
            assert place.stat().st_mode & 0o077 == 0
        assert process.exists()
    assert not process.exists()
    assert not task.scratch.exists()


@pytest.mark.parametrize("offset", [0, 5, 40, -1, -5])
def test_a_damaged_image_is_found_by_its_digest(site: Site, offset: int) -> None:
    site.do("backup")
    place = site.backup / "dump.rdb"
    raw = bytearray(place.read_bytes())
    raw[offset] ^= 1
    status = place.stat()
    place.write_bytes(raw)
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(StepFailed, match="has the digest"):
        site.do("verify")


def test_an_image_that_no_server_loads_is_told_with_the_servers_words(site: Site) -> None:
    site.do("backup")
    place = site.backup / "dump.rdb"
    place.write_bytes(place.read_bytes()[:-40])
    with (
        pytest.raises(StepFailed, match="no Redis loads the image"),
        image.served_image(site.task("backup"), place, 16),
    ):
        pass


def test_verification_in_a_rollback_holds_the_services(site: Site) -> None:
    site.do("backup")
    (site.backup / "dump.rdb").unlink()
    with pytest.raises(Fenced, match="missing"):
        site.do("verify", phase="rollback")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda m: m.pop("redis"), "lacks the key 'redis'"),
        (lambda m: m.update(more=1), "unknown key 'more'"),
        (lambda m: m.update(bytes=7), "bytes, its manifest says 7"),
        (lambda m: m.update(store="other"), "of the store other"),
        (lambda m: m.update(version=2), "of version 2"),
        (lambda m: m.update(sha256="0" * 64), "the ledger says"),
        (lambda m: m.update(file="/etc/passwd"), "another file"),
        (lambda m: m.update(content={}), "what the image holds"),
        (lambda m: m.update(frozen=1), "wrong value for 'frozen'"),
    ],
)
def test_a_manifest_that_was_changed_is_refused(
    site: Site, damage: Callable[[dict[str, object]], None], reason: str
) -> None:
    site.do("backup")
    paper = site.backup / "manifest.json"
    told = json.loads(paper.read_text())
    damage(told)
    paper.write_text(json.dumps(told))
    with pytest.raises(StepFailed, match=reason):
        site.do("verify")


def test_a_stranger_beside_an_image_is_refused(site: Site) -> None:
    site.do("backup")
    (site.backup / "more").touch()
    with pytest.raises(StepFailed, match="not in its manifest"):
        site.do("verify")


def test_a_finished_image_is_never_overwritten(site: Site) -> None:
    site.do("backup")
    with site.client() as client, pytest.raises(BadInput, match="finished image already"):
        image.take_image(client, site.task("backup"), site.backup, "now", frozen=False)


def test_an_empty_server_is_backed_up_as_empty(make_site: Callable[..., Site]) -> None:
    site = make_site(keys=0)
    with site.client() as client:
        client.call("FLUSHALL")
    assert site.do("backup")["evidence"]["keys"] == 0


@pytest.fixture
def crowded(site: Site) -> Iterator[Site]:
    """A host whose state directory is a file system with half of the reserve free."""
    site.state.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=711", "tmpfs", str(site.state)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine mounts nothing for us")
    left = str((8 << 20) - (1 << 19))
    subprocess.run(["fallocate", "-l", left, site.state / "ballast"], check=True)
    yield site
    subprocess.run(["umount", "--lazy", str(site.state)], check=True)


@pytest.mark.parametrize("action", ["backup", "stage"])
def test_a_disk_that_others_filled_is_told_before_redis_writes_anything(
    crowded: Site, action: str
) -> None:
    with crowded.client() as client:
        before = info(client, "persistence")["rdb_saves"]
        with pytest.raises(Refused, match=r"not enough space .* needed \d+ bytes"):
            crowded.do(action)
        assert info(client, "persistence")["rdb_saves"] == before
        client.call("SET", "afterwards", 1)
    assert not crowded.backup.exists()
    assert not crowded.frozen.exists()
