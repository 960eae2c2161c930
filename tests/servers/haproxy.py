"""A real HAProxy in a folder of its own, real backends, and users who count every answer."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.servers.place import free_port

BINARY = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

needs_haproxy = pytest.mark.skipif(BINARY is None, reason="haproxy is not installed here")

BACKEND = """
import socket, sys, threading, time
def answer(link):
    lines = link.makefile("rb")
    for line in lines:
        path = line.split()[1].decode()
        while lines.readline().strip():
            pass
        if path.startswith("/slow/"):
            time.sleep(float(path[6:]))
        body = sys.argv[2].encode()
        link.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
while True:
    link = listener.accept()[0]
    threading.Thread(target=answer, args=(link,), daemon=True).start()
"""
"""An application that says its name, slowly when it is asked so. (`http.server` takes longer to
import than all of this to run.)"""


def until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    """Return once it is true; fail when that takes too long."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not true within {seconds} s"
        time.sleep(0.02)


def answers(port: int) -> bool:
    """True when something listens on a port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@dataclass
class Backend:
    """One application server, a process that can be stopped and started again."""

    name: str
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Begin to listen. (Without site packages: an interpreter of its own is up sooner.)"""
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", BACKEND, str(self.port), self.name],
            stderr=subprocess.DEVNULL,
        )

    def start(self) -> None:
        """Listen."""
        self.begin()
        until(lambda: answers(self.port))

    def stop(self) -> None:
        """End at once, whatever is under way."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@dataclass
class Haproxy:
    """A proxy before some backends, all on the loopback."""

    place: Path
    backends: list[Backend]
    port: int = field(default_factory=free_port)
    keeps_state: bool = False
    level: str = "admin"
    mode: str = "600"
    check: str = "check inter 50ms"
    more: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        """The runtime socket."""
        return self.place / "admin.sock"

    @property
    def states(self) -> Path:
        """The file from which a reload takes the states, when it keeps them."""
        return self.place / "server-state"

    def config(self) -> str:
        """The configuration."""
        kept = f"  server-state-file {self.states}\n" if self.keeps_state else ""
        loaded = "  load-server-state-from-file global\n" if self.keeps_state else ""
        servers = "\n".join(
            f"  server {b.name} 127.0.0.1:{b.port} weight 100 cookie {b.name} {self.check}"
            for b in self.backends
        )
        return f"""global
  stats socket {self.socket} mode {self.mode} level {self.level}
{kept}defaults
  mode http
  timeout connect 1s
  timeout client 20s
  timeout server 20s
{loaded}frontend users
  bind 127.0.0.1:{self.port}
  default_backend sparkle
backend sparkle
  balance roundrobin
  option httpchk GET /health
  cookie server insert indirect nocache
{self.more}{servers}
"""

    def start(self) -> None:
        """Run as master and worker, in the foreground, and answer."""
        assert BINARY is not None
        (self.place / "haproxy.cfg").write_text(self.config())
        self.process = subprocess.Popen(
            [BINARY, "-W", "-db", "-f", "haproxy.cfg"],
            cwd=self.place,
            stdout=subprocess.DEVNULL,
            stderr=(self.place / "haproxy.log").open("ab"),
        )
        until(lambda: self.socket.exists() and self.says("show info") != "")

    def reload(self) -> None:
        """Put another worker in the place of the present one."""
        assert self.process is not None
        before = self.pid()
        for _ in range(5):  # a master that only now starts to wait may miss the first
            self.process.send_signal(signal.SIGUSR2)
            with contextlib.suppress(AssertionError):
                until(lambda: self.pid() not in ("", before), 2)
                return
        raise AssertionError("HAProxy does not reload")

    def pid(self) -> str:
        """The worker that answers on the socket; nothing in the moment between two."""
        lines = [line for line in self.says("show info").splitlines() if line.startswith("Pid:")]
        return lines[0].split()[1] if lines else ""

    def stop(self) -> None:
        """End master and workers."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def says(self, command: str) -> str:
        """What the proxy itself says, asked past the driver."""
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(5)
                link.connect(str(self.socket))
                link.sendall(command.encode() + b"\n")
                parts = iter(lambda: link.recv(65536), b"")
                return b"".join(parts).decode().strip()
        except OSError:
            return ""

    def admin(self, server: str) -> int:
        """The administrative bits of a server: 0 ready, 1 maintenance, 8 drain."""
        rows = [line.split() for line in self.says("show servers state sparkle").splitlines()]
        return next(int(row[6]) for row in rows if row[3:4] == [server])

    def healthy(self) -> bool:
        """True when every backend that runs was checked and is up."""
        lines = self.says("show stat sparkle 4 -1").splitlines()
        up = [line for line in lines if (",UP," in line and "L7OK" in line) or ",no check," in line]
        return len(up) >= sum(b.process is not None for b in self.backends)


@contextmanager
def running(
    place: Path, names: tuple[str, ...] = ("app1", "app2", "app3"), **options: object
) -> Iterator[Haproxy]:
    """A proxy with its backends, all up; ended with all its processes."""
    proxy = Haproxy(place, [Backend(name) for name in names], **options)  # type: ignore[arg-type]
    try:
        for backend in proxy.backends:
            backend.begin()
        for backend in proxy.backends:
            until(lambda b=backend: answers(b.port))  # type: ignore[misc]
        proxy.start()
        until(proxy.healthy)
        yield proxy
    finally:
        proxy.stop()
        for backend in proxy.backends:
            backend.stop()


@dataclass
class Users:
    """Users who ask all the time; ``failed`` holds every answer that was none.

    With ``browsers`` they do what browsers do (RFC 9112, 9.3.1): a kept connection that was closed
    before it answered is opened anew, and the question asked again. ``again`` counts those.
    """

    port: int
    path: str = "/"
    browsers: bool = False
    again: int = 0
    served: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ask_on(self) -> None:
        """One user: a connection that is kept, one request after the other."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        kept = False
        while not self.over.is_set():
            try:
                link.request("GET", self.path)
                answer = link.getresponse()
                body = answer.read().decode()
            except (OSError, http.client.HTTPException) as error:
                if self.browsers and kept and isinstance(error, ConnectionError):
                    self.again += 1
                else:
                    self.count("", repr(error))
                link.close()
                kept = False
                continue
            kept = True
            self.count(body, "" if answer.status == 200 else str(answer.status))
        link.close()

    def total(self) -> int:
        """How many good answers they got."""
        return sum(self.served.values())

    def count(self, name: str, failure: str) -> None:
        """Keep one answer."""
        with self.lock:
            if failure:
                self.failed.append(failure)
            else:
                self.served[name] = self.served.get(name, 0) + 1


@contextmanager
def asking(port: int, users: int = 4, path: str = "/", browsers: bool = False) -> Iterator[Users]:
    """Some users, while the block runs."""
    crowd = Users(port, path, browsers)
    threads = [threading.Thread(target=crowd.ask_on) for _ in range(users)]
    for thread in threads:
        thread.start()
    try:
        yield crowd
    finally:
        crowd.over.set()
        for thread in threads:
            thread.join()
