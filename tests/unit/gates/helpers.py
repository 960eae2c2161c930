"""A small service that can misbehave in every way a source can, and gates that read it."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from stagegate.gates.baseline import ABSENT, Baseline
from stagegate.gates.evaluate import Setting, evaluate, run_measurements
from stagegate.gates.model import Gate
from stagegate.gates.spec import Spec, read_spec
from stagegate.gates.verdict import Result

SHORT = {"min": 2, "every": 0.05, "for": 0.1}
BOUNDS = (0.005, 0.05, 0.1, 0.5)


class FakeService:
    """Health, one JSON figure and metrics; every look at the metrics brings ``events`` more.

    ``fault`` names what is wrong with every answer but health, unless ``health_fault`` says so of
    health as well.
    """

    def __init__(self) -> None:
        self.version, self.instance = "1.1", "new"
        self.figure: Any = 7
        self.fault = self.health_fault = ""
        self.events, self.slow_events, self.errors = 30, 0, 0
        self.seen = {"events": 0, "slow": 0, "errors": 0}
        self.gauge: Any = 3
        self.labels: dict[str, str] | None = None
        self.stamp = ""
        self.lock = threading.Lock()
        self.closing = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with contextlib.suppress(OSError):  # the client may have given up
                    service.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        """Stop answering."""
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request as the fault wants it."""
        is_health = handler.path == "/health"
        fault = self.health_fault if is_health else self.fault
        odd: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {
            "slow": self.never,
            "drip": self.drip,
            "hang up": lambda h: h.connection.shutdown(socket.SHUT_RDWR),
            "500": lambda h: self.say(h, b"{}", "application/json", 500),
            "redirect": self.redirect,
            "html": lambda h: self.say(h, b"<html>welcome</html>", "text/html"),
            "empty": lambda h: self.say(h, b"", self.type_of(h.path)),
            "garbage": lambda h: self.say(h, b"{{{ 1 2 3", self.type_of(h.path)),
            "cut": self.cut,
        }
        if fault in odd:
            odd[fault](handler)
        elif is_health:
            self.say_json(handler, {"version": self.version, "instance_id": self.instance})
        elif handler.path == "/metrics":
            self.say(handler, self.metrics().encode(), "text/plain; version=0.0.4")
        else:
            self.say_json(handler, self.document(fault))

    def document(self, fault: str) -> dict[str, Any]:
        """The JSON figure with who says it and when."""
        version = "1.0" if fault == "wrong version" else self.version
        instance = "old" if fault == "wrong instance" else self.instance
        told = 1000.0 if fault == "stale" else time.time()
        document = {"version": version, "instance_id": instance, "time": told}
        return document if fault == "missing" else {**document, "deep": [{"figure": self.figure}]}

    def metrics(self) -> str:
        """One scrape, after ``events`` more requests."""
        with self.lock:
            self.seen["events"] += self.events
            self.seen["slow"] += self.slow_events
            self.seen["errors"] += self.errors
            seen = dict(self.seen)
        who = self.labels or {"version": self.version, "instance": self.instance}
        if self.fault in ("wrong version", "wrong instance"):
            who = {**who, self.fault.split()[1]: "other"}
        tags = ",".join(f'{k}="{v}"' for k, v in who.items())
        name = "renamed" if self.fault == "missing" else "app"
        stamp = " 1000000" if self.fault == "stale" else self.stamp
        slow, number = seen["slow"], "NaN" if self.fault == "nan" else None
        lines = [f"# TYPE {name}_seconds histogram"]
        for bound in (*BOUNDS, "+Inf"):
            fast = 0 if bound == BOUNDS[0] else seen["events"] - slow
            count = fast + (slow if bound == "+Inf" else 0)
            lines.append(f'{name}_seconds_bucket{{{tags},le="{bound}"}} {number or count}{stamp}')
        lines += [
            f"{name}_seconds_count{{{tags}}} {seen['events']}{stamp}",
            f"# TYPE {name}_requests_total counter",
            f'{name}_requests_total{{{tags},status="200"}} '
            f"{number or seen['events'] - seen['errors']}{stamp}",
            f"# TYPE {name}_pool gauge",
            f"{name}_pool{{{tags}}} {number or self.gauge}{stamp}",
        ]
        if seen["errors"]:
            lines.append(f'{name}_requests_total{{{tags},status="503"}} {seen["errors"]}{stamp}')
        return "\n".join(lines) + "\n"

    def never(self, _: BaseHTTPRequestHandler) -> None:
        """Say nothing until the test is over."""
        self.closing.wait(10)

    def drip(self, handler: BaseHTTPRequestHandler) -> None:
        """Send a header line now and then, for ever: no single read ever times out."""
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not self.closing.wait(0.02):
            handler.wfile.write(b"X-Drip: drop\r\n")
            handler.wfile.flush()

    def redirect(self, handler: BaseHTTPRequestHandler) -> None:
        """Point at the health page, which would answer well."""
        handler.send_response(302)
        handler.send_header("Location", f"{self.base}/health")
        handler.end_headers()

    def cut(self, handler: BaseHTTPRequestHandler) -> None:
        """Promise more than is sent."""
        handler.send_response(200)
        handler.send_header("Content-Type", self.type_of(handler.path))
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"version": "1.1"')

    def type_of(self, path: str) -> str:
        """The right type for a path."""
        return "text/plain" if path == "/metrics" else "application/json"

    def say_json(self, handler: BaseHTTPRequestHandler, document: Any) -> None:
        """Answer with JSON; a text that stands for no JSON number goes out as it is."""
        text = json.dumps(document)
        for word in ("1e400", "NaN", "Infinity", "-Infinity"):
            text = text.replace(f'"raw {word}"', word)
        self.say(handler, text.encode(), "application/json")

    def say(
        self, handler: BaseHTTPRequestHandler, body: bytes, kind: str, status: int = 200
    ) -> None:
        """Answer."""
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@contextlib.contextmanager
def a_service() -> Iterator[FakeService]:
    """A service that answers while the block is open."""
    service = FakeService()
    try:
        yield service
    finally:
        service.close()


def free_port() -> int:
    """A port where nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def services(base: str) -> list[dict[str, Any]]:
    """The services as a system has them."""
    return [{"name": "app", "command": ["x"], "health": {"url": f"{base}/health"}}]


def json_gate(base: str, **more: Any) -> dict[str, Any]:
    """A gate on the JSON figure."""
    source = {"kind": "http_json", "url": f"{base}/figure", "path": "deep.0.figure"}
    source = {**source, "deadline": 0.3, **more.pop("source", {})}
    return gate(source, **{"limit": 10, **more})


def prometheus_gate(base: str, metric: str, statistic: str, **more: Any) -> dict[str, Any]:
    """A gate on one of the metrics."""
    source = {"kind": "prometheus_text", "url": f"{base}/metrics", "metric": metric}
    source = {**source, "deadline": 0.3, **more.pop("source", {})}
    return gate(source, statistic=statistic, **{"limit": 10, **more})


def histogram_gate(base: str, **more: Any) -> dict[str, Any]:
    """The p99 of the histogram, in ms."""
    more = {"unit": "ms", "limit": 100, "source": {"scale": 1000}, **more}
    return prometheus_gate(base, "app_seconds", "p99", **more)


def share_gate(base: str, **more: Any) -> dict[str, Any]:
    """The share of failed requests, in %."""
    source = {"labels": {"status": "~5.."}, "of": {"metric": "app_requests_total"}, "scale": 100}
    more = {"unit": "%", "limit": 1, **more, "source": {**source, **more.get("source", {})}}
    return prometheus_gate(base, "app_requests_total", "rate", **more)


def gauge_gate(base: str, **more: Any) -> dict[str, Any]:
    """The gauge."""
    return prometheus_gate(base, "app_pool", "value", **more)


def gate(source: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A gate as a user writes it; what is None is left out."""
    raw = {"name": "g", "unit": "count", "samples": SHORT, "source": source, **more}
    return {key: value for key, value in raw.items() if value is not None}


def spec_of(*raw: dict[str, Any], base: str = "", synthetic: Any = None) -> Spec:
    """The raw gates, read."""
    return read_spec(list(raw), services(base) if base else [], synthetic)


def read_one(raw: dict[str, Any], base: str = "http://127.0.0.1:9") -> Gate:
    """One raw gate, read."""
    return spec_of(raw, base=base).gates[0]


def ask(
    spec: Spec, setting: Setting | None = None, baseline: Baseline | None = None
) -> list[Result]:
    """Evaluate as the module does."""
    measured = run_measurements(spec, setting or Setting("1.1"))
    return list(evaluate(measured, baseline or Baseline(ABSENT)).results)


def make_database(path: Path, statements: str) -> Path:
    """A SQLite file."""
    import sqlite3

    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(statements)
    return path
