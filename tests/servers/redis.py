"""A Redis server of a test's own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.servers import place

ACCOUNT = "redis"
DEADLINE = 30.0


@dataclass
class Server:
    """A server at 127.0.0.1 that asks for a password; its data are in `data`.

    `password_file` can be read by this process's account only.
    """

    port: int
    password: str
    home: Path
    owner: str
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def data(self) -> Path:
        """The folder of dump.rdb and the append-only files."""
        return self.home / "data"

    @property
    def password_file(self) -> Path:
        """The file with the password, without a line end."""
        return self.home / "password"

    @property
    def url(self) -> str:
        """The URL, without the password."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", str(self.home / "redis.conf")],
                stdout=log,
                stderr=log,
                cwd="/",
                **place.identity(self.owner),
            )
        deadline = time.monotonic() + DEADLINE
        while self.command("PING") != "PONG":
            assert self.process.poll() is None, (self.home / "log").read_text()
            assert time.monotonic() < deadline, "Redis does not answer"
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Stop the server: SIGTERM saves as configured, SIGKILL is a crash."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(DEADLINE)
            self.process = None

    def command(self, *words: str) -> str:
        """Send one command; returns its answer's text, empty when nothing answers.

        For simple answers: a status, a number, or one value.
        """
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(_encode("AUTH", self.password) + _encode(*words))
                lines = connection.makefile("rb")
                assert lines.readline().startswith(b"+OK")
                return _read(lines.readline(), lines.readline)
        except ConnectionError:
            return ""


def _encode(*words: str) -> bytes:
    parts = [word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


def _read(line: bytes, following: Callable[[], bytes]) -> str:
    if line.startswith(b"$"):
        return "" if line.startswith(b"$-1") else following().decode().rstrip("\r\n")
    return line[1:].decode().rstrip("\r\n")


def configure(server: Server, settings: dict[str, str]) -> None:
    """Write the configuration; the password is in no argument list."""
    given = {
        "bind": "127.0.0.1",
        "port": str(server.port),
        "dir": str(server.data),
        "requirepass": server.password,
        "save": '""',
        **settings,
    }
    text = "".join(f"{name} {value}\n" for name, value in given.items())
    for name, content, mode in (("redis.conf", text, 0o640), ("password", server.password, 0o600)):
        target = server.home / name
        target.touch(mode=mode)
        target.write_text(content, encoding="utf-8")
    server.data.mkdir()
    if os.geteuid() == 0:
        shutil.chown(server.home / "redis.conf", group=server.home.group())
        shutil.chown(server.data, server.owner, server.home.group())


@contextmanager
def running(**settings: str) -> Iterator[Server]:
    """Run a new server; `settings` are Redis's own, with `_` for `-`."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed (Debian: redis-server)")
    owner = place.account(ACCOUNT)
    with place.folder("stagegate-redis-", owner) as home:
        server = Server(place.free_port(), "a-password-of-tests", home, owner)
        configure(server, {name.replace("_", "-"): value for name, value in settings.items()})
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGKILL)
