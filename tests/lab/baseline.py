"""What a machine is like before anything is deployed to it: who may enter, and how little they may.

The files are those of `examples/hosts/`, which people copy to hosts of their own. Each is written
whole or not at all, so a boot that was killed half-way is finished by the next.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.lab.files import end_with, write

ACCOUNT = "deploy"
_UID = 1100
_SHIPPED = Path(__file__).resolve().parents[2] / "examples/hosts"
# File of examples/hosts -> where a host has it, and its mode.
_FILES = {
    "sudoers": ("etc/sudoers.d/stagegate", 0o440),
    "sshd.conf": ("etc/ssh/sshd_config.d/10-stagegate.conf", 0o644),
    "sysctl.conf": ("etc/sysctl.d/60-stagegate.conf", 0o644),
}
# No password opens the account; `*` rather than `!`, which some versions of sshd take for "shut".
_LINES = {
    "etc/passwd": f"{ACCOUNT}:x:{_UID}:{_UID}::/home/{ACCOUNT}:/bin/sh\n",
    "etc/group": f"{ACCOUNT}:x:{_UID}:\n",
    "etc/shadow": f"{ACCOUNT}:*:19700:0:99999:7:::\n",
    "etc/gshadow": f"{ACCOUNT}:!::\n",
    # Sessions make files that others cannot read, and root's part of a deployment inherits it.
    "etc/pam.d/common-session": "session optional pam_umask.so umask=0027\n",
    # Nothing is run from where everybody may write, and nobody sees the processes of others.
    "etc/fstab": "tmpfs /tmp tmpfs nodev,nosuid,noexec,mode=1777,size=10% 0 0\n"
    "tmpfs /dev/shm tmpfs nodev,nosuid,noexec 0 0\n"
    "proc /proc proc nodev,nosuid,noexec,hidepid=invisible 0 0\n",
}


def apply(root: Path, public_key: str) -> None:
    """Give a machine that is off the deploying account, its rights and the host's defaults."""
    for name, (place, mode) in _FILES.items():
        write(root / place, (_SHIPPED / name).read_text(encoding="utf-8"), mode)
    for place, lines in _LINES.items():
        end_with(root / place, lines)
    home = root / "home" / ACCOUNT
    home.mkdir(mode=0o700, exist_ok=True)
    os.chown(home, _UID, _UID)
    keys = root / "etc/ssh/authorized_keys"
    keys.mkdir(exist_ok=True)
    write(keys / ACCOUNT, f"restrict {public_key}")
