"""What goes live again can be written by its service and by nobody else."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stagegate.errors import Fenced
from tests.unit.sqlite.helpers import OLD, Site, ask, make_site

SERVICE = "nobody"
WRITE = (
    "import sqlite3, sys\n"
    "c = sqlite3.connect(sys.argv[1])\n"
    "c.execute(\"INSERT INTO metrics VALUES ('service', 1)\")\n"
    "c.commit()\n"
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A live database of a service user, and the umask of a careful administrator."""
    tmp_path.chmod(0o755)
    site = make_site(tmp_path, owner=SERVICE)
    hand_over(site.old.parent)
    before = os.umask(0o077)
    yield site
    os.umask(before)


def hand_over(generation: Path) -> None:
    """Make a generation the service's, as every generation is."""
    account = pwd.getpwnam(SERVICE)
    generation.chmod(0o700)
    for path in (generation, *generation.iterdir()):
        os.chown(path, account.pw_uid, account.pw_gid)


def write_as_service(site: Site) -> None:
    """What the service does when it runs; it fails when it may not."""
    python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
    subprocess.run([python, "-I", "-c", WRITE, str(site.live)], check=True, user=SERVICE)


def from_backup(site: Site) -> Site:
    """The backup goes live in place of a generation that is damaged."""
    site.do("backup")
    site.old.write_bytes(b"damaged")
    again = Site(site.place, run_id="20261123T000000Z-cd34", options=site.options)
    again.do("stage", directory=str(site.backup))
    os.chown(again.new, 0, 0)
    again.new.chmod(0o644)
    again.do("seal")
    again.guard()
    again.do("activate")
    return again


def forward_and_back(site: Site) -> Site:
    site.deploy()
    site.do("restore")
    return site


@pytest.mark.parametrize("way", [from_backup, forward_and_back])
def test_the_service_can_write_what_went_live_again(
    site: Site, way: Callable[[Site], Site]
) -> None:
    live = way(site)
    write_as_service(live)
    assert ask(live.live, "SELECT count(*) FROM metrics WHERE name = 'service'") == 1
    assert live.live.owner() == SERVICE
    assert not live.live.stat().st_mode & stat.S_IWOTH


def owned_by_root(path: Path) -> None:
    os.chown(path, 0, 0)


def closed_to_its_owner(path: Path) -> None:
    path.chmod(0o400)


def copied_by_hand(path: Path) -> None:
    """The same bytes, in a file that root made under its umask."""
    shutil.copyfile(path, path.with_name("copy"))
    path.with_name("copy").rename(path)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (owned_by_root, r"[ug]id was \d+, is 0"),
        (closed_to_its_owner, "mode was 0644, is 0400"),
        (copied_by_hand, r"(inode|[ug]id) was \d+, is \d+"),
    ],
)
def test_a_former_generation_whose_rights_were_changed_meanwhile_is_not_gone_back_to(
    site: Site, spoil: Callable[[Path], None], words: str
) -> None:
    site.deploy()
    spoil(site.old)
    with pytest.raises(Fenced, match=words):
        site.do("restore")
    assert site.link.readlink().name != OLD
