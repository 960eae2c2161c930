"""A damaged backup is never called one, whatever was damaged in it."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import Fenced, StepFailed
from tests.unit.sqlite.helpers import Site, change, fill

PAGE = 4096
ROUNDS = 60


@pytest.fixture
def backed(site: Site) -> Site:
    """A site with a finished backup."""
    site.do("backup")
    return site


def keep_times(path: Path, act: Callable[[], None]) -> None:
    """Damage that leaves the file's time as it was, as a failing disk does."""
    status = path.stat()
    act()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def rewrite(path: Path, edit: Callable[[bytearray], None]) -> None:
    """Change the bytes of a file in place and leave its time."""

    def act() -> None:
        raw = bytearray(path.read_bytes())
        edit(raw)
        path.write_bytes(raw)

    keep_times(path, act)


def flip_bit(raw: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(raw))
    raw[place] ^= 1 << chance.randrange(8)


def change_byte(raw: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(raw))
    raw[place] = (raw[place] + 1 + chance.randrange(255)) % 256


def zero_sector(raw: bytearray, chance: random.Random) -> None:
    sectors = [n for n in range(0, len(raw), 512) if any(raw[n : n + 512])]
    place = chance.choice(sectors)
    raw[place : place + 512] = bytes(512)


def zero_page(raw: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(raw) // PAGE) * PAGE
    raw[place : place + PAGE] = bytes(PAGE)


def tear_page(raw: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(raw) // PAGE) * PAGE
    raw[place + PAGE // 2 : place + PAGE] = bytes([chance.randrange(1, 256)]) * (PAGE // 2)


def swap_pages(raw: bytearray, chance: random.Random) -> None:
    one, two = chance.sample(range(len(raw) // PAGE), 2)
    first, second = (bytes(raw[n * PAGE : (n + 1) * PAGE]) for n in (one, two))
    raw[one * PAGE : (one + 1) * PAGE], raw[two * PAGE : (two + 1) * PAGE] = second, first


@pytest.mark.parametrize(
    "damage", [flip_bit, change_byte, zero_sector, zero_page, tear_page, swap_pages]
)
def test_every_damage_to_the_bytes_is_found(
    backed: Site, damage: Callable[[bytearray, random.Random], None]
) -> None:
    place = backed.backup / "app.db"
    whole = place.read_bytes()
    chance = random.Random(damage.__name__)
    for _ in range(ROUNDS):
        rewrite(place, lambda raw: damage(raw, chance))
        assert place.read_bytes() != whole
        with pytest.raises(StepFailed, match="has the digest"):
            backed.do("verify")
        keep_times(place, lambda: place.write_bytes(whole) and None)
    assert backed.do("verify")["evidence"]["rows"] == 356


def truncated(site: Site) -> None:
    place = site.backup / "app.db"
    keep_times(place, lambda: os.truncate(place, place.stat().st_size - PAGE))


def appended(site: Site) -> None:
    rewrite(site.backup / "app.db", lambda raw: raw.extend(b"\0"))


def zero_length(site: Site) -> None:
    place = site.backup / "app.db"
    keep_times(place, lambda: os.truncate(place, 0))


def other_of_same_size(site: Site) -> None:
    place, other = site.backup / "app.db", site.place / "other.db"
    fill(other, 200)
    change(other, "UPDATE metrics SET value = 99 WHERE value = 1; PRAGMA journal_mode = delete")
    status = place.stat()
    assert other.stat().st_size == status.st_size
    shutil.copy(other, place)
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))


def link_to_live(site: Site) -> None:
    (site.backup / "app.db").unlink()
    (site.backup / "app.db").symlink_to(site.old)


def hard_link_to_live(site: Site) -> None:
    (site.backup / "app.db").unlink()
    os.link(site.old, site.backup / "app.db")


def missing(site: Site) -> None:
    (site.backup / "app.db").unlink()


def extra(site: Site) -> None:
    (site.backup / "app.db-wal").write_bytes(b"stale")


def no_manifest(site: Site) -> None:
    (site.backup / "manifest.json").unlink()


def directory_instead(site: Site) -> None:
    (site.backup / "app.db").unlink()
    (site.backup / "app.db").mkdir()


def older_manifest(site: Site) -> None:
    later = (site.backup / "manifest.json").stat().st_mtime_ns + 1
    os.utime(site.backup / "app.db", ns=(later, later))


def edit_manifest(**changes: Any) -> Callable[[Site], None]:
    def edit(site: Site) -> None:
        place = site.backup / "manifest.json"
        value = json.loads(place.read_text())
        for key, new in changes.items():
            if new is None:
                del value[key]
            else:
                value[key] = new
        place.write_text(json.dumps(value))

    return edit


def damaged_manifest(site: Site) -> None:
    place = site.backup / "manifest.json"
    place.write_text(place.read_text()[:-20])


def manifest_of_another(site: Site) -> None:
    other = Site(site.place, run_id="20261123T073000Z-cd34", options=site.options)
    change(site.live, "INSERT INTO metrics VALUES ('x', 1)")
    other.do("backup")
    shutil.copy(other.backup / "manifest.json", site.backup / "manifest.json")


def both_replaced(site: Site) -> None:
    """A whole other backup in its place: only the ledger knows that it is another one."""
    other = Site(site.place, run_id="20261123T073000Z-cd34", options=site.options)
    change(site.live, "INSERT INTO metrics VALUES ('x', 1)")
    other.do("backup")
    shutil.rmtree(site.backup)
    shutil.copytree(other.backup, site.backup)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (truncated, "its manifest says"),
        (appended, "its manifest says"),
        (zero_length, "has 0 bytes"),
        (other_of_same_size, "has the digest"),
        (link_to_live, "is not an ordinary file"),
        (hard_link_to_live, "a hard link"),
        (missing, "app.db is missing"),
        (extra, "files that are not in its manifest"),
        (no_manifest, "it has no manifest"),
        (directory_instead, "is not an ordinary file"),
        (older_manifest, "was written after its manifest"),
        (damaged_manifest, "its manifest is damaged"),
        (manifest_of_another, "the ledger says"),
        (both_replaced, "the ledger says"),
        (edit_manifest(surprise=1), "unknown key 'surprise'"),
        (edit_manifest(sha256=None), "lacks the key 'sha256'"),
        (edit_manifest(bytes=4096), "its manifest says 4096"),
        (edit_manifest(bytes="many"), "wrong value for 'bytes'"),
        (edit_manifest(bytes=True), "wrong value for 'bytes'"),
        (edit_manifest(sha256="0" * 64), "the ledger says"),
        (edit_manifest(sha256="short"), "names no digest"),
        (edit_manifest(database="../../../old.db"), "names no digest, or a file elsewhere"),
        (edit_manifest(database="other.db"), "files that are not in its manifest"),
        (edit_manifest(version=2), "is of version 2"),
        (edit_manifest(store="other"), "it is of the store other, not of memory"),
    ],
)
def test_every_mutilation_is_found(backed: Site, spoil: Callable[[Site], None], words: str) -> None:
    assert backed.do("verify")["evidence"]["rows"] == 356, "it was whole before"
    spoil(backed)
    with pytest.raises(StepFailed, match=words) as failure:
        backed.do("verify")
    assert failure.value.code == 20


def test_on_the_way_back_a_broken_backup_holds_the_services(backed: Site) -> None:
    missing(backed)
    with pytest.raises(Fenced) as failure:
        backed.do("verify", phase="rollback")
    assert failure.value.code == 30


def test_a_pin_is_no_stranger(backed: Site) -> None:
    (backed.backup / "pinned").touch()
    assert not backed.do("verify")["changed"]


def test_a_named_directory_is_verified(backed: Site) -> None:
    with pytest.raises(StepFailed, match="it is not there"):
        backed.do("verify", directory=str(backed.place / "elsewhere"))


def test_a_link_to_a_backup_is_none(backed: Site) -> None:
    aside = backed.backup.with_name("aside")
    backed.backup.rename(aside)
    backed.backup.symlink_to(aside)
    with pytest.raises(StepFailed, match="it is not there"):
        backed.do("verify")


def test_writes_nothing(backed: Site) -> None:
    before = (backed.state / "ledger.jsonl").read_bytes()
    backed.do("verify")
    assert (backed.state / "ledger.jsonl").read_bytes() == before
