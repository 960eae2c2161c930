"""Source ``prometheus_text``: gauges, counters and histograms scraped from the process itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..fields import Fields
from ..matching import Matcher, all_hold
from ..model import (
    COUNTED,
    QUANTILES,
    STATISTICS,
    Gate,
    Measurement,
    Presence,
    Reader,
    Reading,
    Samples,
    Service,
    SourceFault,
    Window,
)
from ..prometheus_text import Scrape, Series, parse
from ..samples import outside
from .counters import counted
from .gauges import gauged
from .histograms import bucketed
from .http import read_answer, require_ok
from .polling import poll_times
from .spoil import spoiled_scrapes

AGGREGATES = ("one", "sum", "max", "min")
IDENTITIES = ("series", "scrape")


@dataclass(frozen=True)
class Selection:
    """A metric and the labels its series must have."""

    metric: str
    labels: tuple[Matcher, ...]

    def pick(self, scrape: Scrape, suffix: str = "") -> list[Series]:
        """The series that are meant."""
        return [s for s in scrape.of(self.metric + suffix) if all_hold(self.labels, dict(s.labels))]


@dataclass(frozen=True)
class PrometheusText:
    """What the statistic asks for decides the metric's type: ``value`` a gauge, ``rate`` and
    ``delta`` a counter, a quantile a histogram (named without ``_bucket``)."""

    url: str
    wanted: Selection
    of: Selection | None
    owner: Service | None
    identity: str
    version_label: str
    instance_label: str
    alive_metric: str
    aggregate: str
    deadline: float
    scale: float
    kind: ClassVar[str] = "prometheus_text"
    statistics: ClassVar[tuple[str, ...]] = STATISTICS
    polled: ClassVar[bool] = True

    @classmethod
    def from_fields(cls, fields: Fields, services: Sequence[Service]) -> PrometheusText:
        """Read what a user wrote."""
        url = fields.url("url")
        if fields.has("alive_metric") and fields.get("alive_metric") == fields.get("metric", None):
            fields.problem("alive_metric", "must be another metric than the one that is judged")
        return cls(
            url=url,
            wanted=Selection(fields.text("metric"), fields.matchers("labels")),
            of=selection_of(fields),
            owner=fields.service(url, services),
            identity=fields.choice("identity", IDENTITIES, "series"),
            version_label=fields.text("version_label", "version"),
            instance_label=fields.text("instance_label", "instance"),
            alive_metric=fields.text("alive_metric", ""),
            aggregate=fields.choice("aggregate", AGGREGATES, "one"),
            deadline=fields.seconds("deadline", 2.0),
            scale=fields.number("scale", 1.0),
        )

    @property
    def service(self) -> str:
        """The service that must have served the window."""
        return self.owner.name if self.owner else ""

    def reader(self, samples: Samples) -> Reader:
        """Poll the endpoint; gates on the same endpoint share the scrapes."""
        return Reader(
            (self.kind, self.url),
            lambda: read_scrape(self.url, self.deadline),
            poll_times(samples),
            self.deadline,
        )

    def measure(self, gate: Gate, readings: Sequence[Reading], window: Window) -> Measurement:
        """The statistic of what the new process exposed inside the window."""
        presence = window.presences.get(self.service, Presence()) if self.owner else Presence()
        if presence.problem:
            return Measurement(None, problem=presence.problem)
        scrapes: list[tuple[float, Scrape]] = []
        rejected = Counter[str]()
        for reading in readings:
            try:
                scrapes.append((reading.t, self.own_scrape(reading, presence, window)))
            except SourceFault as fault:
                rejected[fault.what] += 1
        if not scrapes:
            first = next(iter(rejected), "never read")
            return Measurement(None, problem=first, rejected=rejected)
        return self.measure_scrapes(gate, scrapes, rejected)

    def measure_scrapes(
        self, gate: Gate, scrapes: list[tuple[float, Scrape]], rejected: Counter[str]
    ) -> Measurement:
        """The statistic of scrapes that count."""
        if gate.statistic in QUANTILES:
            return bucketed(self, gate, scrapes, rejected)
        if gate.statistic in COUNTED:
            return counted(self, gate, scrapes, rejected)
        return gauged(self, gate, scrapes, rejected)

    def own_scrape(self, reading: Reading, presence: Presence, window: Window) -> Scrape:
        """The part of a scrape that the new process exposed in the window.

        With ``identity: series`` only series that carry its version and instance are kept; with
        ``identity: scrape`` one such series proves the whole scrape, for metrics without labels.
        """
        if reading.failure:
            raise SourceFault(reading.failure)
        scrape: Scrape = reading.payload
        if presence.identity is not None:
            mine = self.keep_own(scrape, presence)
            scrape = mine if self.identity == "series" else scrape
        for selection in (self.wanted, *((self.of,) if self.of else ())):
            for series in selection.pick(scrape) + selection.pick(scrape, "_bucket"):
                if series.stamp is not None and outside(series.stamp, window):
                    raise SourceFault(f"stale: {selection.metric} is stamped outside the window")
        return scrape

    def keep_own(self, scrape: Scrape, presence: Presence) -> Scrape:
        """The series of the process that must have answered. Raises SourceFault without any."""
        identity = presence.identity
        kept: dict[str, list[Series]] = {}
        for metric, several in scrape.series.items():
            mine = [
                s
                for s in several
                if identity is not None
                and s.get(self.version_label) == identity.version
                and s.get(self.instance_label) == identity.instance
            ]
            if mine:
                kept[metric] = mine
        if not kept:
            raise SourceFault(
                f"no series carries {self.version_label}={identity and identity.version}, "
                f"{self.instance_label}={identity and identity.instance}"
            )
        return Scrape(scrape.types, kept)

    def spoiled(self, gate: Gate, value: float) -> tuple[list[Reading], Window]:
        """Two scrapes, at the start and the end, between which everything was ``value``."""
        return spoiled_scrapes(self, gate, value)

    def silent(self, gate: Gate, reading: Reading) -> str:
        """Why the endpoint cannot answer: its metric is not there, or is of another type.

        Labels are not asked for: a route that nobody has called yet has no series.
        """
        if reading.failure:
            return reading.failure
        scrape: Scrape = reading.payload
        suffix = "_bucket" if gate.statistic in QUANTILES else ""
        for selection in (self.wanted, *((self.of,) if self.of else ())):
            declared = scrape.type_of(selection.metric)
            if not scrape.of(selection.metric + suffix) and not declared:
                return f"no series match: there is no metric {selection.metric}"
        needed = type_needed(gate.statistic)
        declared = scrape.type_of(self.wanted.metric)
        if declared and declared != needed and not self.wanted.metric.endswith(("_count", "_sum")):
            return (
                f"{self.wanted.metric} is a {declared}; statistic {gate.statistic} reads a {needed}"
            )
        return ""

    def describe(self) -> dict[str, Any]:
        """Kind, url, metric and labels."""
        labels: Mapping[str, str] = {m.name: m.text for m in self.wanted.labels}
        told = {"kind": self.kind, "url": self.url, "metric": self.wanted.metric}
        return {**told, "labels": dict(labels)}


def selection_of(fields: Fields) -> Selection | None:
    """The optional denominator ``of: {metric, labels}``."""
    below = fields.sub("of")
    if below is None:
        return None
    selection = Selection(below.text("metric"), below.matchers("labels"))
    below.close()
    return selection


def type_needed(statistic: str) -> str:
    """The metric type that a statistic reads."""
    if statistic in QUANTILES:
        return "histogram"
    return "counter" if statistic in COUNTED else "gauge"


def read_scrape(url: str, deadline: float) -> Scrape:
    """GET and parse one scrape. Raises SourceFault for anything else."""
    answer = read_answer(url, deadline, "text/plain;version=0.0.4")
    require_ok(answer, "text/plain")
    try:
        scrape = parse(answer.body.decode())
    except ValueError as error:  # covers bytes that are not UTF-8
        raise SourceFault(f"the answer is no scrape: {error!s:.100}") from error
    if not scrape.series:
        raise SourceFault("the answer is empty: it has no series")
    return scrape
