"""What a process says about itself: its identity, its metrics, its log."""

from __future__ import annotations

import json
import logging
import logging.handlers
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import Counter, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import REGISTRY, Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from abathur import clock
from abathur.database import POOL_MAX, Database
from abathur.settings import StartupError

LOG = logging.getLogger("abathur")
# A series beside each counter with the time of its start: the process has one start, shown once.
disable_created_metrics()
# Chosen for the limits that are promised: 10, 20, 50, 100, 500 and 600 ms are bounds of buckets.
BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.6, 1.0, 2.0, 5.0)
SECONDS = Histogram(
    "abathur_request_seconds",
    "Time from a request to the end of its answer",
    ("route", "method", "version", "instance"),
    buckets=BUCKETS,
)
REQUESTS = Counter(
    "abathur_requests",
    "Requests answered",
    ("route", "method", "status", "version", "instance"),
)
COUNTS = {
    "abathur_sessions": ("Sessions", "SELECT count(*) FROM sessions"),
    "abathur_sessions_open": (
        "Sessions that are active or paused",
        "SELECT count(*) FROM sessions WHERE status IN ('active', 'paused')",
    ),
    "abathur_memory_entries": ("Memories, all versions", "SELECT count(*) FROM memory_entries"),
    "abathur_embeddings": ("Vectors stored", "SELECT count(*) FROM document_embeddings"),
    "abathur_documents": ("Documents indexed", "SELECT count(*) FROM document_index"),
    "abathur_documents_waiting": (
        "Documents not indexed yet",
        "SELECT count(*) FROM document_index WHERE sync_status IN ('pending', 'stale')",
    ),
}


@dataclass(frozen=True)
class Identity:
    """Who answers: the release's version, and an id that no other start of the process has."""

    version: str
    instance: str = field(default_factory=lambda: uuid.uuid4().hex)
    started: float = field(default_factory=time.monotonic)

    def uptime(self) -> float:
        """Return the seconds since the start."""
        return round(time.monotonic() - self.started, 3)


class DatabaseCollector(Collector):
    """Measures the database at the moment that the metrics are asked for."""

    def __init__(self, database: Database, identity: Identity) -> None:
        self._database = database
        self._labels = {"version": identity.version, "instance": identity.instance}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield one gauge for each figure."""
        path = self._database.path
        yield self._gauge("abathur_build_info", "Who answers", 1)
        yield self._gauge("abathur_database_bytes", "Size of the database file", _size(path))
        wal = path.with_name(path.name + "-wal")
        yield self._gauge("abathur_wal_bytes", "Size of the write-ahead log", _size(wal))
        in_use = self._database.pool.in_use
        yield self._gauge("abathur_pool_in_use", "Connections lent", in_use)
        yield self._gauge("abathur_pool_max", "Connections that can be lent", POOL_MAX)
        with self._database.reading() as connection:
            for name, (text, query) in COUNTS.items():
                yield self._gauge(name, text, connection.execute(query).fetchone()[0])

    def _gauge(self, name: str, text: str, value: float) -> GaugeMetricFamily:
        family = GaugeMetricFamily(name, text, labels=tuple(self._labels))
        family.add_metric(tuple(self._labels.values()), value)
        return family


def observe_database(database: Database, identity: Identity) -> None:
    """Add the database's figures to this process's metrics."""
    REGISTRY.register(DatabaseCollector(database, identity))


class Telemetry:
    """Measures and logs every request that passes through to `app`."""

    def __init__(self, app: ASGIApp, identity: Identity) -> None:
        self._app = app
        self._identity = identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through; whatever becomes of it is counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            self._count(scope, status, time.perf_counter() - start)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        # The endpoint leaves its template here: a route with ids in it would be a metric for each.
        route = scope.get("abathur_route", "unknown")
        method, who = scope["method"], (self._identity.version, self._identity.instance)
        SECONDS.labels(route, method, *who).observe(seconds)
        REQUESTS.labels(route, method, status, *who).inc()
        level = logging.ERROR if status >= 500 else logging.INFO
        fields = {"route": route, "method": method, "status": status, "seconds": round(seconds, 6)}
        LOG.log(level, "request", extra={"fields": fields})


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, event, who, and the event's own fields."""

    def __init__(self, identity: Identity) -> None:
        super().__init__()
        self._who = {"version": identity.version, "instance": identity.instance}

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {"time": clock.now(), "level": record.levelname.lower()}
        line["event"] = record.getMessage()
        line.update(getattr(record, "fields", {}), **self._who)
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)


def start_log(path: Path | None, identity: Identity) -> None:
    """Write the log to `path`, or to standard error; a file that is moved away is opened anew."""
    handler: logging.Handler = logging.StreamHandler()
    if path is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handler = logging.handlers.WatchedFileHandler(path, encoding="utf-8")
        except OSError as error:
            raise StartupError(f"cannot write the log {path}: {error.strerror}") from error
    handler.setFormatter(JsonLines(identity))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
