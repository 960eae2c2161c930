"""The one read-only Debian tree that all machines share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.lab import units
from tests.lab.commands import run
from tests.lab.errors import LabError
from tests.lab.mounts import mounts_below

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.home import Home

SUITE = "bookworm"
PACKAGES = (
    "ca-certificates",
    "curl",
    "dbus",
    "haproxy",
    "iproute2",
    "iputils-ping",
    "libpam-systemd",
    "nftables",
    "openssh-server",
    "postgresql-15",
    "postgresql-client-15",
    "procps",
    "python3",
    "python3-apt",
    "python3-psycopg",
    "redis-server",
    "rsync",
    "sqlite3",
    "strace",
    "sudo",
    "systemd",
    "systemd-sysv",
)
# Timers that would take the package lock or the disk in the middle of a test, and units that wait
# for what a machine here does not have.
_MASKED = (
    "apt-daily-upgrade.service",
    "apt-daily-upgrade.timer",
    "apt-daily.service",
    "apt-daily.timer",
    "console-getty.service",
    "e2scrub_all.timer",
    "fstrim.timer",
    "getty.target",
    "man-db.timer",
    "systemd-networkd-wait-online.service",
    "systemd-timesyncd.service",
)
# Neither a name to look up nor a ticket to try: a login takes 66 ms instead of 250.
_SSHD = "UseDNS no\nGSSAPIAuthentication no\n"


def recipe() -> dict[str, object]:
    """Return what an image is made from; an image with another recipe is made anew."""
    return {
        "suite": SUITE,
        "packages": list(PACKAGES),
        "masked": list(_MASKED),
        "sshd": _SSHD,
        "servers": units.recipe(),
    }


def is_built(home: Home) -> bool:
    """Tell whether the image exists and is what this file describes."""
    file = home.image / "recipe.json"
    return file.exists() and json.loads(file.read_text(encoding="utf-8")) == recipe()


def ensure_image(home: Home) -> None:
    """Build the image unless it is there: a minute and 440 MB from Debian's mirror."""
    if is_built(home):
        return
    if home.names():
        raise LabError(
            f"the image in {home.image} is an old one and machines stand on it: "
            f"{', '.join(home.names())}; remove them first: python -m tests.lab down"
        )
    new = home.path / "image.new"
    _remove_tree(new)
    _remove_tree(home.image)
    new.mkdir(mode=0o755)
    tree = new / "tree"
    run(
        [
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            f"--include={','.join(PACKAGES)}",
            SUITE,
            tree,
        ]
    )
    _make_anonymous(tree)
    (new / "recipe.json").write_text(json.dumps(recipe()), encoding="utf-8")
    new.rename(home.image)


def remove_image(home: Home) -> None:
    """Remove the image and what a killed build left of one."""
    _remove_tree(home.path / "image.new")
    _remove_tree(home.image)


def _make_anonymous(tree: Path) -> None:
    """Leave nothing of one machine in the tree, and nothing that acts by the clock."""
    for key in (tree / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (tree / "etc/hostname").unlink(missing_ok=True)
    for name in ("etc/machine-id", "etc/resolv.conf"):
        (tree / name).unlink(missing_ok=True)
        (tree / name).touch()
    for unit in _MASKED:
        link = tree / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    (tree / "etc/ssh/sshd_config.d/lab.conf").write_text(_SSHD, encoding="ascii")
    units.put_to_rest(tree)


def _remove_tree(path: Path) -> None:
    """Remove a tree, and nothing that is mounted in it: a killed build may have left /dev there."""
    for mount in mounts_below(path):
        run(["umount", mount])
    run(["rm", "-rf", "--one-file-system", path])
