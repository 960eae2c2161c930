"""Write to toon without end, and log each write that the service acknowledged.

Three of four writes are facts, the fourth a context of the newest ones or, now and then, the
removal of a fact. A write is acknowledged by a 2xx answer. One that failed is never repeated:
whether it happened is not known, so the next try is a new one. Stops on SIGTERM or SIGINT, or after
--seconds.
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
from collections import Counter, deque
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from acknowledged import Log

TIMEOUT = 10.0
WAIT_AFTER_FAILURE = 0.1
CONTEXTS, IN_CONTEXT = 5, 8
# One answer in ten needs each of the two fallbacks.
WRAPPINGS = (
    *("{}",) * 8,
    "My judgement:\n```json\n{}\n```",
    "I would keep this: {} - that is all.",
)
TAGS = {
    False: (["storage", "durability"], [], ["review"], ["latency", "cache", "limits"]),
    True: (["area: auth", "tokens"], ["http://example.org/a"], ["12:30"], ["std::vector", "c++"]),
}
CONTENT = (
    "A note of the writer\nIt says enough to be worth a look: what was tried, what failed, and what"
    " was done about it in the end."
)


class NotAcknowledged(Exception):
    """The service did not say that the write happened."""


class Service:
    """One connection to the service, made anew after each failure."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url).netloc
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask and return the answer; raises NotAcknowledged for all but 2xx."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT)
        try:
            self._connection.request(method, path, json.dumps(body) if body else None)
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
    """Writes rounds: facts, and what is made of them."""

    def __init__(self, service: Service, log: Log, colons: bool) -> None:
        self._service = service
        self._log = log
        self._tags = TAGS[colons]
        self._run = uuid.uuid4().hex[:8]
        self._number = 0
        self._facts: deque[dict[str, Any]] = deque(maxlen=IN_CONTEXT)
        self.counts: Counter[str] = Counter()
        facts = (self.fact,) * 3
        self.round = (*facts, self.context, *facts, self.context, *facts, self.remove)

    def fact(self) -> None:
        """Have a fact extracted from an answer that is wrapped in one of the three ways."""
        self._number += 1
        number = self._number
        fact = {
            "title": f"Writer {self._run}, fact {number}",
            "summary": f"What became of try {number}, in a few words.",
            "tags": self._tags[number % len(self._tags)],
            "relevance_score": 0.8,
        }
        answer = json.dumps({"should_store": True, "score": 0.8, "facts": [fact]})
        body = {
            "content": CONTENT,
            "source_type": "review",
            "focus": f"writer {self._run}",
            "answer": WRAPPINGS[number % len(WRAPPINGS)].format(answer),
        }
        (fact_id,) = self._service.ask("POST", "/extract", body)["facts"]
        stored = {"id": fact_id, **fact}
        self._facts.append(stored)
        self._acknowledged("fact", fact=stored)

    def context(self) -> None:
        """Render the newest facts."""
        name = f"writer-{self._run}-{self._number % CONTEXTS}"
        ids = [fact["id"] for fact in self._facts]
        self._service.ask("POST", f"/contexts/{name}", {"ids": ids})
        tags = {fact["id"]: fact["tags"] for fact in self._facts}
        self._acknowledged("context", name=name, tags=tags)

    def remove(self) -> None:
        """Take the oldest of the newest facts away."""
        fact_id = self._facts.popleft()["id"]
        self._service.ask("DELETE", f"/facts/{fact_id}")
        self._acknowledged("removed", id=fact_id)

    def _acknowledged(self, kind: str, **fields: Any) -> None:
        self._log.add(kind, **fields)
        self.counts[kind] += 1


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
    parser.add_argument("--url", default="http://127.0.0.1:8010")
    parser.add_argument("--log", type=Path, required=True, help="where acknowledged writes go")
    parser.add_argument("--rate", type=float, default=20.0, help="writes a second")
    parser.add_argument("--seconds", type=float, help="stop after so long")
    parser.add_argument("--colons", action="store_true", help="write tags with colons in them")
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
    writer, gaps = Writer(Service(given.url), log, given.colons), Gaps(log)
    run(writer, gaps, given.rate, stop)
    log.close()
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(writer.counts.items()))
    print(f"acknowledged writes: {writer.counts.total()} ({kinds})")
    print(f"gaps: {gaps.number}, the longest {gaps.longest:.2f} s")
    return 0 if writer.counts else 1


if __name__ == "__main__":
    sys.exit(main())
