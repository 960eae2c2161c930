"""A server of our own on a copy of an image, for as long as it is questioned.

It has no port and no password: its socket lies in a directory that only its account may enter. It
ends with us, also when we are killed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..command import CONTROL, TAIL, identity
from ..errors import Refused, StepFailed
from ..files import make_private_dir
from ..rehearsal import open_to
from ..store.copying import copy_file
from .client import Client, Unreachable
from .server import LOOK, wait_until_loaded

SEARCHED = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
PROGRAMS = {"redis-server": "redis-server", "setpriv": "util-linux"}
"""What the host must have, and the package that brings it."""

SNAPSHOT = "dump.rdb"
SOCKET = "redis.sock"

CONFIG = """port 0
unixsocket {socket}
unixsocketperm 700
dir {directory}
dbfilename {snapshot}
databases {databases}
save ""
appendonly no
daemonize no
supervised no
logfile ""
maxmemory 0
"""


def program(name: str) -> str:
    """The path of a program. Raises Refused when the host does not have it."""
    found = shutil.which(name, path=SEARCHED)
    if found is None:
        raise Refused(
            f"{name} is not on this host: a backup of Redis is proved by a server that loads it",
            now="nothing was changed",
            untouched="every service and all data",
            next=f"install it: apt install {PROGRAMS[name]}",
        )
    return found


@contextmanager
def served(
    image: Path, directory: Path, state: Path, *, owner: str, databases: int, seconds: float
) -> Iterator[Client]:
    """A connection to a server that has loaded a copy of an image.

    ``directory`` is the server's own below ``state``, the run's scratch; it is removed afterwards.
    Raises StepFailed with the server's last words when it does not take the image.
    """
    prepare(image, directory, state, owner, databases)
    end = time.monotonic() + seconds
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [program("setpriv"), "--pdeathsig", "KILL", "--", program("redis-server"), "config"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env={"PATH": SEARCHED, "LANG": "C.UTF-8"},
            start_new_session=True,
            umask=0o077,
            **identity(owner),
        )
    try:
        client = answering(process, directory, end)
        try:
            client.timeout = seconds
            yield client
        finally:
            client.link.close()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(directory)


def prepare(image: Path, directory: Path, state: Path, owner: str, databases: int) -> None:
    """The server's directory with a copy of the image, its account's own."""
    if directory.exists():
        shutil.rmtree(directory)
    make_private_dir(directory)
    copy_file(image, directory / SNAPSHOT, durable=False)
    text = CONFIG.format(socket=SOCKET, directory=directory, snapshot=SNAPSHOT, databases=databases)
    (directory / "config").write_text(text)
    open_to(owner, directory / SNAPSHOT, state)
    directory.chmod(0o700)


def answering(process: subprocess.Popen[bytes], directory: Path, end: float) -> Client:
    """A connection to the server once it has loaded its image.

    It answers before that, and ends in the middle when the image is damaged. Raises StepFailed then
    with its words, or at ``end`` (monotonic).
    """
    while True:
        with contextlib.suppress(FileNotFoundError, ConnectionError, Unreachable):
            client = Client(dial(directory), f"its copy in {directory}")
            with closed_on_failure(client):
                wait_until_loaded(client, end)
                return client
        if process.poll() is not None:
            raise refused_image(last_words(directory / "log"))
        if time.monotonic() > end:
            raise refused_image("it was not ready in time")
        time.sleep(LOOK / 2)


@contextmanager
def closed_on_failure(client: Client) -> Iterator[None]:
    """Close a connection when the block raises."""
    try:
        yield
    except BaseException:
        client.link.close()
        raise


def dial(directory: Path) -> socket.socket:
    """A connection to the socket in a directory, however long its path is.

    The kernel takes 107 bytes of a socket's name: through the directory's descriptor it is short.
    """
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.connect(f"/proc/self/fd/{handle}/{SOCKET}")
    except BaseException:
        link.close()
        raise
    finally:
        os.close(handle)
    return link


def last_words(log: Path) -> str:
    """The line of a server's log that says why it ended."""
    raw = log.read_bytes()[-TAIL:]
    lines = CONTROL.sub("", raw.decode("utf-8", "replace")).strip().splitlines()
    telling = [line for line in lines if " # " in line or "***" in line or "error" in line.lower()]
    return (telling or lines or ["it said nothing"])[-1 if not telling else 0][:300]


def refused_image(reason: str) -> StepFailed:
    """The words for an image that no server loads."""
    return StepFailed(
        f"no Redis loads the image: {reason}",
        now="it is not used",
        untouched="the live server and its data",
        next="see whether the server's disk or memory is damaged, then take another image",
    )
