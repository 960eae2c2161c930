"""What was switched stays switched when the power goes out.

The file system lies in an image. A copy of the image, taken while it is mounted, is what the disk
holds at that instant: what nobody synced is not in it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stagegate.files import fsync_dir
from stagegate.ledger import read_ledger
from stagegate.store.copying import copy_file
from stagegate.store.generations import remove_link, switch_to
from tests.unit.sqlite.helpers import OLD, Site, ask, make_site

Look = Callable[[], "contextmanager[Site]"]


@contextmanager
def mounted(image: Path, place: Path) -> Iterator[Path]:
    """The file system of an image; the journal of an interrupted one is replayed."""
    place.mkdir()
    subprocess.run(["mount", "-o", "loop,commit=300", str(image), str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
        place.rmdir()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Site, Path]]:
    """A site on an image, and the image."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("mounting an image needs root and mkfs.ext4")
    image = tmp_path / "disk.image"
    with image.open("wb") as handle:
        handle.truncate(64 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    tried = subprocess.run(
        ["mount", "-o", "loop", str(image), str(tmp_path)], capture_output=True, text=True
    )
    if tried.returncode:
        pytest.skip(f"this machine mounts no image: {tried.stderr.strip()}")
    subprocess.run(["umount", str(tmp_path)], check=True)
    with mounted(image, tmp_path / "disk") as place:
        yield make_site(place, rows=50), image


@contextmanager
def after_power_cut(site: Site, image: Path) -> Iterator[Site]:
    """The site as it is found when the power comes back."""
    cut = image.with_name("cut.image")
    shutil.copyfile(image, cut)
    with mounted(cut, image.with_name("after")) as place:
        yield Site(place, options=site.options)
    cut.unlink()


def columns(site: Site) -> int:
    return int(ask(site.live, "SELECT count(*) FROM pragma_table_info('entries')"))


def test_forward_and_back_outlive_a_power_cut(disk: tuple[Site, Path]) -> None:
    site, image = disk
    subprocess.run(["sync", "--file-system", str(site.place)], check=True)
    site.do("backup")
    site.do("stage")
    site.migrate()
    site.do("seal")
    site.guard()
    site.do("activate")
    with after_power_cut(site, image) as found:
        assert str(found.link.readlink()) == f"generations/gen-{site.run_id}"
        assert columns(found) == 6
        assert ask(found.live, "PRAGMA integrity_check") == "ok"
        assert ask(found.live, "SELECT count(*) FROM entries") == 50
        assert found.do("verify")["evidence"]["rows"] > 0
        assert ask(found.evidence / "activated.db", "SELECT count(*) FROM entries") == 50
        entries = read_ledger(found.state / "ledger.jsonl").entries
        assert entries[-1].kind == "done"
    site.do("restore")
    with after_power_cut(site, image) as found:
        assert str(found.link.readlink()) == f"generations/{OLD}"
        assert columns(found) == 5
        assert ask(found.new, "PRAGMA integrity_check") == "ok"


def test_the_switch_alone_is_durable(disk: tuple[Site, Path]) -> None:
    """With no ledger entry after it, whose sync would save the link as well."""
    site, image = disk
    site.do("stage")
    subprocess.run(["sync", "--file-system", str(site.place)], check=True)
    store = site.task("activate").store
    switch_to(store, f"generations/gen-{site.run_id}")
    with after_power_cut(site, image) as found:
        assert str(found.link.readlink()) == f"generations/gen-{site.run_id}"
    remove_link(store)
    with after_power_cut(site, image) as found:
        assert not found.link.is_symlink()


def test_a_copy_is_durable(disk: tuple[Site, Path]) -> None:
    site, image = disk
    copy_file(site.old, site.data / "copy")
    fsync_dir(site.data)
    with after_power_cut(site, image) as found:
        assert (found.data / "copy").read_bytes() == site.old.read_bytes()


def test_the_cut_is_one(disk: tuple[Site, Path]) -> None:
    """A rename that nobody synced is lost in the copy: the test above can fail."""
    site, image = disk
    subprocess.run(["sync", "--file-system", str(site.place)], check=True)
    aside = site.data / "aside"
    aside.symlink_to("generations/elsewhere")
    aside.rename(site.link)
    with after_power_cut(site, image) as found:
        assert str(found.link.readlink()) == f"generations/{OLD}"
