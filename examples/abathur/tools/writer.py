"""Write to abathur without end, and log each write that the service acknowledged.

A write is acknowledged by a 2xx answer. One that failed is never repeated: whether it happened is
not known, so the next try is a new row. Stops on SIGTERM or SIGINT, or after --seconds.
"""

from __future__ import annotations

import argparse
import http.client
import json
import signal
import sys
import threading
import time
import uuid
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from acknowledged import Log

TIMEOUT = 10.0
WAIT_AFTER_FAILURE = 0.1
UPDATES_PER_MEMORY = 5


class NotAcknowledged(Exception):
    """The service did not say that the write happened."""


class Service:
    """One connection to the service, made anew after each failure."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url).netloc
        self._connection: http.client.HTTPConnection | None = None

    def write(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a write and return the answer; raises NotAcknowledged for all but 2xx."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT)
        try:
            self._connection.request(method, path, json.dumps(body))
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            self._connection = None
            raise NotAcknowledged(f"{type(error).__name__}: {error}") from error
        if not 200 <= answer.status < 300:
            raise NotAcknowledged(f"{method} {path}: {answer.status}")
        result: dict[str, Any] = json.loads(text)
        return result


class Writer:
    """Writes rounds: a session, its event, its state, a task, a memory and its updates."""

    def __init__(self, service: Service, log: Log) -> None:
        self._service = service
        self._log = log
        self._run = uuid.uuid4().hex[:8]
        self._number = 0
        self._session: dict[str, Any] = {}
        self._task = ""
        self._memory: dict[str, Any] = {}
        self.counts: Counter[str] = Counter()
        self.round = (
            self.session,
            self.event,
            self.state,
            self.task,
            self.memory,
            *[self.update] * UPDATES_PER_MEMORY,
        )

    def _next(self) -> str:
        self._number += 1
        return f"writer-{self._run}-{self._number}"

    def _acknowledged(self, kind: str, **fields: Any) -> None:
        self._log.add(kind, **fields)
        self.counts[kind] += 1

    def session(self) -> None:
        """Create a session."""
        body = {"id": self._next(), "app_name": "writer", "user_id": f"user-{self._number % 50}"}
        self._session = self._service.write("POST", "/sessions", body)
        self._acknowledged("session", **body)

    def event(self) -> None:
        """Append an event to the session."""
        session = self._session["id"]
        body = {"event_id": self._next(), "event_type": "message", "actor": "user"}
        self._service.write("POST", f"/sessions/{session}/events", body)
        self._acknowledged("event", session=session, event_id=body["event_id"])

    def state(self) -> None:
        """Put a value into the session's state."""
        session, key = self._session["id"], f"session:{self._next()}"
        body = {"delta": {key: self._number}}
        self._service.write("PATCH", f"/sessions/{session}/state", body)
        self._acknowledged("state", session=session, key=key, value=self._number)

    def task(self) -> None:
        """Submit a task within the session."""
        body = {"id": self._next(), "prompt": f"task {self._number}"}
        body["session_id"] = self._session["id"]
        self._task = self._service.write("POST", "/tasks", body)["id"]
        self._acknowledged("task", **body)

    def memory(self) -> None:
        """Create a memory under the task."""
        body = {
            "namespace": f"user:writer-{self._run}",
            "key": self._next(),
            "value": {"number": self._number, "text": f"memory {self._number} " * 4},
            "memory_type": "episodic",
            "task_id": self._task,
        }
        self._memory = body
        self._remember(self._service.write("POST", "/memory", body))

    def update(self) -> None:
        """Write the next version of the memory."""
        body = {**self._memory, "value": {"number": self._number, "update": self._next()}}
        self._remember(self._service.write("PUT", "/memory", body))

    def _remember(self, entry: dict[str, Any]) -> None:
        names = ("namespace", "key", "version", "value")
        self._acknowledged("memory", **{name: entry[name] for name in names})


class Gaps:
    """The times in which nothing was acknowledged."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._since: float | None = None
        self._reason = ""
        self.number = 0
        self.longest = 0.0

    def failed(self, reason: str) -> None:
        """Note a write that was not acknowledged."""
        if self._since is None:
            self._since, self._reason = time.monotonic(), reason

    def succeeded(self) -> None:
        """Note one that was; it ends the gap."""
        if self._since is None:
            return
        seconds = time.monotonic() - self._since
        self._log.add("gap", seconds=round(seconds, 3), reason=self._reason)
        self.number += 1
        self.longest = max(self.longest, seconds)
        self._since = None


def run(writer: Writer, gaps: Gaps, rate: float, stop: threading.Event) -> None:
    """Write `rate` times a second until `stop`; after a failure begin a new round."""
    steps = iter(writer.round)
    due = time.monotonic()
    while not stop.is_set():
        step = next(steps, None)
        if step is None:
            steps = iter(writer.round)
            continue
        try:
            step()
        except NotAcknowledged as error:
            gaps.failed(str(error))
            steps = iter(writer.round)
            stop.wait(WAIT_AFTER_FAILURE)
            due = time.monotonic()
        else:
            gaps.succeeded()
            due += 1 / rate
            stop.wait(max(0.0, due - time.monotonic()))


def main() -> int:
    """Write from the command line; returns the exit status, 1 when nothing was acknowledged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--log", type=Path, required=True, help="where acknowledged writes go")
    parser.add_argument("--rate", type=float, default=20.0, help="writes a second")
    parser.add_argument("--seconds", type=float, help="stop after so long")
    given = parser.parse_args()
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    if given.seconds is not None:
        timer = threading.Timer(given.seconds, stop.set)
        timer.daemon = True
        timer.start()
    log = Log(given.log)
    writer, gaps = Writer(Service(given.url), log), Gaps(log)
    run(writer, gaps, given.rate, stop)
    log.close()
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(writer.counts.items()))
    print(f"acknowledged writes: {writer.counts.total()} ({kinds})")
    print(f"gaps: {gaps.number}, the longest {gaps.longest:.2f} s")
    return 0 if writer.counts else 1


if __name__ == "__main__":
    sys.exit(main())
