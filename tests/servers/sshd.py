"""A real sshd on the loopback, and a wire before it that can fall silent, break or be cut."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.servers.haproxy import answers, until
from tests.servers.place import free_port

BINARY = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

needs_sshd = pytest.mark.skipif(BINARY is None, reason="sshd is not installed here")

SEPARATION = Path("/run/sshd")
"""Where sshd confines itself when root starts it."""


def make_key(path: Path) -> None:
    """A new key pair, without a passphrase."""
    for old in (path, path.with_suffix(".pub")):
        old.unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)]
    subprocess.run(command, check=True)


@dataclass
class Sshd:
    """A server for this process's own account, which logs in with a key."""

    home: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make what keys are missing, and listen."""
        assert BINARY is not None
        for name in ("host_key", "user_key"):
            if not (self.home / name).exists():
                make_key(self.home / name)
        if os.geteuid() == 0:
            SEPARATION.mkdir(mode=0o755, exist_ok=True)
        (self.home / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.home}/host_key\n"
            f"AuthorizedKeysFile {self.home}/user_key.pub\nPermitRootLogin yes\n"
            "StrictModes no\nUsePAM no\nPidFile none\n"
        )
        self.process = subprocess.Popen(
            [BINARY, "-D", "-e", "-f", str(self.home / "sshd_config")],
            stderr=(self.home / "sshd.log").open("ab"),
        )
        until(lambda: answers(self.port))

    def stop(self) -> None:
        """Listen no more; sessions go on, as they do when a real one is restarted."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def know(self, port: int) -> None:
        """Write down the present key as the one that is expected at a port."""
        kind, key = (self.home / "host_key.pub").read_text().split()[:2]
        (self.home / "known_hosts").write_text(f"[127.0.0.1]:{port} {kind} {key}\n")

    @property
    def arguments(self) -> str:
        """What ssh needs to log in, and to refuse a host whose key is not known."""
        return (
            f"-F /dev/null -i {self.home}/user_key -o IdentitiesOnly=yes"
            f" -o UserKnownHostsFile={self.home}/known_hosts -o StrictHostKeyChecking=yes"
        )


@dataclass
class Wire:
    """Carries connections to a server, as long as it is let, each piece after a delay.

    What a silent wire was given is not lost: it arrives when the wire is healed, as what TCP sends
    again does.
    """

    target: int
    port: int = field(default_factory=free_port)
    left: int | None = None
    delay: float = 0.0
    passes: threading.Event = field(default_factory=threading.Event)
    broken: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Listen."""
        self.passes.set()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.listener.settimeout(0.05)
        self.begin(self.accept)

    def begin(self, work: object, *arguments: object) -> None:
        """Do something beside the test."""
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self.threads.append(thread)
        thread.start()

    def accept(self) -> None:
        """Carry every connection; one that comes while the wire is silent waits with the others."""
        with self.listener:
            while not self.over.is_set():
                with contextlib.suppress(TimeoutError):
                    client = self.listener.accept()[0]
                    with contextlib.suppress(OSError):
                        server = socket.create_connection(("127.0.0.1", self.target), 5)
                        self.begin(self.carry, client, server)
                        continue
                    client.close()

    def carry(self, client: socket.socket, server: socket.socket) -> None:
        """Pass everything on in both directions, until one end is closed or the wire breaks."""
        with client, server, contextlib.suppress(OSError):
            while not self.over.is_set():
                if self.broken.is_set():
                    for link in (client, server):
                        link.setsockopt(
                            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                        )
                    return
                if not self.passes.wait(0.05):
                    continue
                for source in select.select([client, server], [], [], 0.05)[0]:
                    target = server if source is client else client
                    if not self.passed(source.recv(16384), target, source is server):
                        return

    def passed(self, data: bytes, target: socket.socket, answer: bool) -> bool:
        """Send what may still pass; false at the end of it."""
        self.over.wait(self.delay)
        if answer and self.left is not None:
            data = data[: self.left]
            self.left -= len(data)
        target.sendall(data)
        return bool(data) and not (answer and self.left == 0)

    def silence(self) -> None:
        """Carry nothing more and close nothing, as when packets are dropped."""
        self.passes.clear()

    def cut(self, after: int) -> None:
        """Close whatever connection answers more than so many bytes from now on."""
        self.left = after

    def reset(self) -> None:
        """End all present connections by a reset; later ones pass again."""
        self.broken.set()
        carrying = self.threads[1:]
        for thread in carrying:
            thread.join()
        self.threads = self.threads[:1]
        self.broken.clear()

    def heal(self) -> None:
        """Carry everything again."""
        self.left = None
        self.passes.set()

    def stop(self) -> None:
        """Close everything."""
        self.over.set()
        self.passes.set()
        for thread in self.threads:
            thread.join()


@contextmanager
def wired() -> Iterator[tuple[Sshd, Wire]]:
    """A server and the wire to it, over which it is known."""
    with tempfile.TemporaryDirectory(prefix="wire-") as made:
        sshd = Sshd(Path(made))
        wire = Wire(sshd.port)
        try:
            sshd.start()
            sshd.know(wire.port)
            wire.start()
            yield sshd, wire
        finally:
            wire.stop()
            sshd.stop()
