"""What the lab needs of the machine it runs on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.lab.home import Home

# Program -> the Debian package that brings it.
_PROGRAMS = {
    "e2label": "e2fsprogs",
    "ip": "iproute2",
    "mkfs.ext4": "e2fsprogs",
    "mmdebstrap": "mmdebstrap",
    "mount": "mount",
    "nsenter": "util-linux",
    "ssh": "openssh-client",
    "systemd-nspawn": "systemd-container",
}
_INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
# A machine takes 7, with a login session 10, all counted on root; the kernel's default is 128. When
# they ran out, at about a dozen machines, some came up degraded and some without ssh.
_INOTIFY_WANTED = 4096


def missing_requirements() -> str:
    """Say why no machine can boot here, in words for a person; empty when one can."""
    if os.geteuid() != 0:
        return "the lab needs root"
    packages = sorted({_PROGRAMS[name] for name in _PROGRAMS if shutil.which(name) is None})
    if packages:
        return f"the lab needs: apt-get install -y {' '.join(packages)}"
    if not Path("/dev/loop-control").exists():
        return "the lab needs loop devices, and this kernel has none"
    return ""


def raise_inotify_limit(home: Home) -> None:
    """Allow enough inotify instances for dozens of machines, and note what was allowed before."""
    before = int(_INOTIFY.read_text(encoding="ascii"))
    if before < _INOTIFY_WANTED:
        home.inotify_before.write_text(str(before), encoding="ascii")
        _INOTIFY.write_text(str(_INOTIFY_WANTED), encoding="ascii")


def restore_inotify_limit(home: Home) -> None:
    """Put back the limit that the lab found."""
    if home.inotify_before.exists():
        _INOTIFY.write_text(home.inotify_before.read_text(encoding="ascii"), encoding="ascii")
        home.inotify_before.unlink()
