"""What a process says about itself unasked: its metrics and its log."""

from __future__ import annotations

import json
import logging
import logging.handlers
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from prometheus_client import Counter, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import REGISTRY, Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sparkle.database import POOL_EXTRA, POOL_SIZE
from sparkle.service import Identity, Service
from sparkle.settings import StartupError

LOG = logging.getLogger("sparkle")
# A series beside each counter with the time of its start: the process has one start, shown once.
disable_created_metrics()
# Every limit that is promised (10, 50, 100, 300, 500 and 2000 ms) is the bound of a bucket.
BUCKETS = (
    *(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1),
    *(0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0),
)
SECONDS = Histogram(
    "sparkle_operation_seconds",
    "Time from a request to the end of its answer",
    ("operation", "version", "instance"),
    buckets=BUCKETS,
)
REQUESTS = Counter(
    "sparkle_requests",
    "Requests answered, by the class of their status",
    ("operation", "status", "version", "instance"),
)
UNKNOWN = "unknown"


class StateCollector(Collector):
    """Measures the process at the moment that the metrics are asked for."""

    def __init__(self, service: Service) -> None:
        self._service = service
        who = service.identity
        self._labels = {"version": who.version, "instance": who.instance}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield one gauge for each figure."""
        yield self._gauge("sparkle_build_info", "Who answers", 1)
        uptime = self._service.identity.uptime()
        yield self._gauge("sparkle_uptime_seconds", "Seconds since the start", uptime)
        lent = self._service.database.checked_out
        yield self._gauge("sparkle_pool_checked_out", "Connections lent", lent)
        most = POOL_SIZE + POOL_EXTRA
        yield self._gauge("sparkle_pool_max", "Connections that can be lent", most)

    def _gauge(self, name: str, text: str, value: float) -> GaugeMetricFamily:
        family = GaugeMetricFamily(name, text, labels=tuple(self._labels))
        family.add_metric(tuple(self._labels.values()), value)
        return family


def observe(service: Service) -> None:
    """Add the service's figures to this process's metrics."""
    REGISTRY.register(StateCollector(service))


class Telemetry:
    """Measures and logs every request that passes through to `app`."""

    def __init__(self, app: ASGIApp, identity: Identity) -> None:
        self._app = app
        self._who = (identity.version, identity.instance)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through; whatever becomes of it is counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            self._count(scope, status, time.perf_counter() - begin)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        # The name of the function that answers: a path with keys in it would be a metric for each.
        operation = getattr(scope.get("endpoint"), "__name__", UNKNOWN)
        # How fast a mistake of the caller's is refused says nothing about the operation.
        if not 400 <= status < 500:
            SECONDS.labels(operation, *self._who).observe(seconds)
        REQUESTS.labels(operation, f"{status // 100}xx", *self._who).inc()
        level = logging.ERROR if status >= 500 else logging.INFO
        fields = {"operation": operation, "method": scope["method"], "status": status}
        fields["seconds"] = round(seconds, 6)
        LOG.log(level, "request", extra={"fields": fields})


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, event, who, and the event's own fields."""

    def __init__(self, identity: Identity) -> None:
        super().__init__()
        self._who = {"version": identity.version, "instance": identity.instance}

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.fromtimestamp(record.created, timezone.utc)
        line = {"time": moment.isoformat(timespec="milliseconds")}
        line |= {"level": record.levelname.lower(), "event": record.getMessage()}
        line |= {**getattr(record, "fields", {}), **self._who}
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
    for noisy in ("uvicorn", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
