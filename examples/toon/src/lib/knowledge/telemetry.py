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

from knowledge import clock
from knowledge.extraction import OUTCOMES
from knowledge.facts import Facts
from knowledge.parsing import LEVELS
from knowledge.quality import Quality
from knowledge.settings import StartupError

LOG = logging.getLogger("toon")
# A series beside each counter with the time of its start: the process has one start, shown once.
disable_created_metrics()
BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
WHO = ("version", "instance")
SECONDS = Histogram(
    "toon_request_seconds",
    "Time from a request to the end of its answer",
    ("route", "method", *WHO),
    buckets=BUCKETS,
)
REQUESTS = Counter("toon_requests", "Requests answered", ("route", "method", "status", *WHO))
PARSES = Counter("toon_parses", "Answers parsed, by the level that did it", ("level", *WHO))
EXTRACTIONS = Counter("toon_extractions", "Extractions, by what became of them", ("outcome", *WHO))


@dataclass(frozen=True)
class Identity:
    """Who answers: the release's version, and an id that no other start of the process has."""

    version: str
    instance: str = field(default_factory=lambda: uuid.uuid4().hex)
    started: float = field(default_factory=time.monotonic)

    def uptime(self) -> float:
        """Return the seconds since the start."""
        return round(time.monotonic() - self.started, 3)

    @property
    def labels(self) -> tuple[str, str]:
        """Return what every series of this process carries."""
        return self.version, self.instance


def start_counters(identity: Identity) -> None:
    """Show every counter from the first moment: what is absent cannot be told from what is 0."""
    for level in (*LEVELS, "none"):
        PARSES.labels(level, *identity.labels)
    for outcome in OUTCOMES:
        EXTRACTIONS.labels(outcome, *identity.labels)


class KnowledgeCollector(Collector):
    """Measures facts and contexts at the moment that the metrics are asked for."""

    def __init__(self, facts: Facts, quality: Quality, identity: Identity) -> None:
        self._facts = facts
        self._quality = quality
        self._identity = identity

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield one gauge for each figure."""
        look, saving = self._quality.look(), self._quality.saving()
        yield self._gauge("toon_build_info", "Who answers", 1)
        shapes = self._facts.shapes()
        facts = GaugeMetricFamily("toon_facts", "Facts, by shape", labels=("shape", *WHO))
        for shape in ("v1", "v2", "v3"):
            facts.add_metric((shape, *self._identity.labels), shapes[shape])
        yield facts
        bad = len(self._facts.bad_lines())
        yield self._gauge("toon_invalid_lines", "Lines of the file that are no facts", bad)
        text = "Facts, the reference included, that TOON gives back as they were"
        yield self._gauge("toon_round_trip_percent", text, look.kept_percent)
        yield self._gauge(
            "toon_round_trip_lost", "Facts that TOON does not give back", len(look.lost)
        )
        yield self._gauge("toon_contexts", "Contexts stored", look.contexts)
        wrong = len(look.undecodable)
        yield self._gauge("toon_contexts_undecodable", "Contexts that are not read", wrong)
        yield self._gauge("toon_tokens_json", "Tokens of the newest facts as JSON", saving["json"])
        yield self._gauge("toon_tokens_toon", "Tokens of the newest facts as TOON", saving["toon"])
        text = "How much shorter TOON is, in percent of the JSON"
        yield self._gauge("toon_token_reduction_percent", text, saving["reduction_percent"])

    def _gauge(self, name: str, text: str, value: float) -> GaugeMetricFamily:
        family = GaugeMetricFamily(name, text, labels=WHO)
        family.add_metric(self._identity.labels, value)
        return family


def observe_knowledge(facts: Facts, quality: Quality, identity: Identity) -> None:
    """Add the figures of facts and contexts to this process's metrics."""
    REGISTRY.register(KnowledgeCollector(facts, quality, identity))


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
        route = scope.get("toon_route", "unknown")
        method = scope["method"]
        SECONDS.labels(route, method, *self._identity.labels).observe(seconds)
        REQUESTS.labels(route, method, status, *self._identity.labels).inc()
        level = logging.ERROR if status >= 500 else logging.INFO
        fields = {"route": route, "method": method, "status": status, "seconds": round(seconds, 6)}
        LOG.log(level, "request", extra={"fields": fields})


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, event, who, and the event's own fields."""

    def __init__(self, identity: Identity) -> None:
        super().__init__()
        self._who = dict(zip(WHO, identity.labels, strict=True))

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
