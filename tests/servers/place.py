"""Where a test's server runs: an account that may run one, a folder that it owns, a free port."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FALLBACK = "nobody"
GUARD = Path(__file__).with_name("guard.py")
# Files in memory, where there is room: a disk is most of what a server waits for.
MEMORY, ELSEWHERE = Path("/dev/shm"), Path("/tmp")
ROOM = 2 << 30


def account(wanted: str) -> str:
    """Return the account that the server runs as: this process's own, and never root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    try:
        return pwd.getpwnam(wanted).pw_name
    except KeyError:
        return FALLBACK


def identity(name: str) -> dict[str, str | int | list[int]]:
    """Return what `subprocess` needs to start a process as account `name`."""
    if os.geteuid() != 0:
        return {}
    return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}


def free_port() -> int:
    """Return a port of the loopback address that nothing listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def folder(prefix: str, owner: str) -> Iterator[Path]:
    """Make a folder that belongs to `owner`, with a path short enough for a socket in it.

    At the end, also at a sudden one, it is removed with every process that works in it.
    """
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    made = Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if roomy else ELSEWHERE))
    guard = subprocess.Popen(
        [sys.executable, str(GUARD), str(made)], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        if os.geteuid() == 0:
            shutil.chown(made, owner, pwd.getpwnam(owner).pw_gid)
        yield made
    finally:
        guard.communicate()
