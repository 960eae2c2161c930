"""A service that misbehaves as asked: ``app.py <port> <json>``. Standard library only.

Keys: version, status, health (a body of its own), code, dies_after (seconds), dies_at (the n-th
request), ignores_term, forks, flaps (each n-th answer is bad), ready_after, listen (false: it never
does), eats (a memory control group, and how many megabytes).
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT, WISH = int(sys.argv[1]), json.loads(sys.argv[2])
INSTANCE = uuid.uuid4().hex
BEGUN = time.monotonic()
COUNT = itertools.count(1)


class Handler(BaseHTTPRequestHandler):
    """Answers every GET with the health it was told to have."""

    def do_GET(self) -> None:
        """Answer."""
        code, kind, body = self.health()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        if code in (301, 302):
            self.send_header("Location", "/login")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def health(self) -> tuple[int, str, bytes]:
        """Status, type and body."""
        number = next(COUNT)
        if number == WISH.get("dies_at"):
            die()
        if WISH.get("flaps") and number % WISH["flaps"] == 0:
            return 500, "text/plain", b"sorry"
        if time.monotonic() - BEGUN < WISH.get("ready_after", 0):
            return 503, "text/plain", b"warming up"
        if "health" in WISH:
            return WISH.get("code", 200), WISH.get("kind", "text/html"), WISH["health"].encode()
        value = {
            "version": WISH.get("version", "1.0"),
            "instance_id": INSTANCE,
            "status": WISH.get("status", "ok"),
            "pid": os.getpid(),
        }
        return WISH.get("code", 200), "application/json", json.dumps(value).encode()

    def log_message(self, *_: object) -> None:
        """Say nothing of requests."""


def die() -> None:
    """End at once, as a crash does."""
    sys.stderr.write("fatal: the fuse has burnt\x1b[31m\n")
    sys.stderr.flush()
    os._exit(3)


def leave_a_child() -> None:
    """Fork twice into a session of its own, and stay there."""
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    signal.pause()


def eat(group: str, megabytes: int) -> None:
    """Enter a control group and take memory until the kernel ends it."""
    Path(group, "cgroup.procs").write_text(str(os.getpid()))
    sys.stderr.write(f"took {len([os.urandom(1 << 20) for _ in range(megabytes)])} MB\n")


if WISH.get("forks"):
    leave_a_child()
if WISH.get("ignores_term"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "dies_after" in WISH:
    threading.Timer(WISH["dies_after"], die).start()
sys.stderr.write(f"starting as {INSTANCE}\n")
sys.stderr.flush()
if "eats" in WISH:
    eat(*WISH["eats"])
if WISH.get("listen", True):
    ThreadingHTTPServer.allow_reuse_address = True
    ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
signal.pause()
