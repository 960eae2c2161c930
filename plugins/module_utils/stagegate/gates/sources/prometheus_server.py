"""Source ``prometheus``: what a Prometheus server answers to a query.

The time that the server puts beside a value is the time of the question. How old the data are is
asked with a second query, ``timestamp(fresh_by)``: ``fresh_by`` selects series that the query is
made of, and the oldest of their newest samples tells. Ages are taken by the server's clock alone.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

from ..fields import Fields
from ..model import (
    COUNTED,
    QUANTILES,
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
from ..samples import STAMP_ROUNDING, Candidates, accept, summarize, unfit
from .document import SPOILED
from .polling import poll_times, scaled, scaled_back, spoiled_series
from .prometheus_api import read_query
from .prometheus_looks import Labelled, Look, Looks, aggregated, looks_in

AGGREGATES = ("one", "sum", "max", "min")
DAY = 86400.0


@dataclass(frozen=True)
class Prometheus:
    """Without ``over_range`` the query is asked at each look; with it once, at the end, for the
    whole window. ``version_label`` and ``instance_label`` prove whose series they are; the identity
    of the process is then asked of ``owner``."""

    url: str
    query: str
    fresh_by: str
    not_older_than: float
    over_range: bool
    owner: Service | None
    version_label: str
    instance_label: str
    aggregate: str
    history_days: int
    deadline: float
    scale: float
    kind: ClassVar[str] = "prometheus"
    statistics: ClassVar[tuple[str, ...]] = ("value", *QUANTILES)
    polled: ClassVar[bool] = True
    apart: ClassVar[bool] = True

    @classmethod
    def from_fields(cls, fields: Fields, services: Sequence[Service]) -> Prometheus:
        """Read what a user wrote."""
        labels = [fields.text(f"{name}_label", "") for name in ("version", "instance")]
        owner = fields.service("", services, required=True) if fields.has("service") else None
        if any(labels) != (owner is not None):
            fields.problem("service", "goes with version_label or instance_label: neither is alone")
        return cls(
            url=fields.url("url"),
            query=fields.text("query"),
            fresh_by=fields.text("fresh_by"),
            not_older_than=fields.seconds("not_older_than", 60.0),
            over_range=fields.flag("range", False),
            owner=owner,
            version_label=labels[0],
            instance_label=labels[1],
            aggregate=fields.choice("aggregate", AGGREGATES, "one"),
            history_days=fields.whole("history_days", 0, least=0),
            deadline=fields.seconds("deadline", 5.0),
            scale=fields.number("scale", 1.0),
        )

    @property
    def service(self) -> str:
        """The service that must have served the window."""
        return self.owner.name if self.owner else ""

    def reader(self, samples: Samples) -> Reader:
        """Ask the server at each look, or at the end for all of them."""
        span = (samples.lasting, samples.every) if self.over_range and samples.lasting else None
        times = (samples.lasting,) if span else poll_times(samples)
        return Reader(
            (self.kind, self.url, self.query, self.fresh_by, span),
            lambda: self.read(time.time(), span),
            times,
            2 * self.deadline,
        )

    def read(self, now: float, span: tuple[float, float] | None, past: bool = False) -> Looks:
        """Ask for values and their age: now, at a past time, or over a span with its step.

        The age is asked first, so that it is never that of a younger sample than was read.
        """
        if span is None:
            asked: dict[str, Any] = {"time": f"{now:.3f}"} if past else {}
            path = "query"
        else:
            asked = {"start": f"{now - span[0]:.3f}", "end": f"{now:.3f}", "step": f"{span[1]:.3f}"}
            path = "query_range"
        fresh, value = (
            read_query(self.url, path, {"query": text, **asked}, self.deadline)
            for text in (f"timestamp({self.fresh_by})", self.query)
        )
        return looks_in(value, fresh, now if span else None)

    def measure(self, gate: Gate, readings: Sequence[Reading], window: Window) -> Measurement:
        """The statistic of what the server knew of the window."""
        presence = window.presences.get(self.service, Presence()) if self.owner else Presence()
        if presence.problem:
            return Measurement(None, problem=presence.problem)
        values: list[tuple[float, object]] = []
        rejected = Counter[str]()
        remarks: dict[str, None] = {}
        for reading in readings:
            if reading.failure:
                rejected[reading.failure] += 1
                continue
            remarks.update(dict.fromkeys(reading.payload.remarks))
            for look in reading.payload.looks:
                t = reading.t - look.ago
                try:
                    self.refuse_stale(look, t)
                    values.append((t, self.value_of(look.values, presence)))
                except SourceFault as fault:
                    rejected[fault.what] += 1
        return self.summed(gate, values, rejected, tuple(remarks))

    def summed(
        self,
        gate: Gate,
        values: list[tuple[float, object]],
        rejected: Counter[str],
        remarks: tuple[str, ...],
    ) -> Measurement:
        """The statistic over the values that count."""
        kept = accept(values, counts=gate.unit == "count" or gate.statistic in COUNTED)
        candidates = Candidates(scaled(kept.points, self.scale), kept.rejected + rejected)
        if not kept.points and candidates.rejected:
            first = next(iter(candidates.rejected))
            return Measurement(None, problem=first, rejected=candidates.rejected)
        measured = summarize(gate, candidates)
        told = tuple(f"the server remarks: {one}" for one in remarks)
        return replace(measured, remarks=told)

    def refuse_stale(self, look: Look, t: float) -> None:
        """Raise SourceFault unless the data are young, and sampled inside the window."""
        if not -STAMP_ROUNDING <= look.age <= self.not_older_than:
            raise SourceFault(
                f"stale: the newest sample is more than {self.not_older_than:g} s old"
            )
        if not t - look.age >= -STAMP_ROUNDING:
            raise SourceFault("stale: the newest sample is from before the window")

    def value_of(self, values: Labelled, presence: Presence) -> object:
        """The one value, of the process that must have answered. Raises SourceFault without one."""
        identity = presence.identity
        if identity is not None:
            wanted = {self.version_label: identity.version, self.instance_label: identity.instance}
            wanted.pop("", None)
            values = [
                pair
                for pair in values
                if all(pair[0].get(name) == value for name, value in wanted.items())
            ]
            if not values:
                told = ", ".join(f"{name}={value}" for name, value in wanted.items())
                raise SourceFault(f"no series carries {told}")
        return aggregated(self.aggregate, [value for _, value in values])

    def read_history(self, gate: Gate, now: float) -> tuple[tuple[str, float | None], ...]:
        """The gate at the same hour of earlier days, by date; None for a day that has nothing."""
        samples = gate.samples
        span = (samples.lasting, samples.every) if self.over_range and samples.lasting else None
        moment = datetime.fromtimestamp(now, timezone.utc)
        found: list[tuple[str, float | None]] = []
        for days in range(1, self.history_days + 1):
            day = (moment - timedelta(days=days)).date().isoformat()
            try:
                looks = self.read(now - days * DAY, span, past=True)
                found.append((day, self.past_value(gate, looks)))
            except SourceFault:
                found.append((day, None))
        return tuple(found)

    def past_value(self, gate: Gate, looks: Looks) -> float | None:
        """The statistic of what was known of an earlier day, by whatever release."""
        values: list[tuple[float, object]] = [
            (-look.ago, self.value_of(look.values, Presence()))
            for look in looks.looks
            if 0 <= look.age <= self.not_older_than
        ]
        kept = accept(values, counts=gate.unit == "count")
        return summarize(gate, Candidates(scaled(kept.points, self.scale), kept.rejected)).value

    def spoiled(self, gate: Gate, value: float) -> tuple[list[Reading], Window]:
        """Answers that are ``value``, of the process that must have answered."""
        labels = {self.version_label: SPOILED.version, self.instance_label: SPOILED.instance}
        window = Window(0.0, gate.samples.lasting, {self.service: Presence(SPOILED)})
        series = spoiled_series(gate, scaled_back(value, self.scale))
        return [Reading(t, Looks((Look(0.0, ((labels, n),), 0.0),))) for t, n in series], window

    def silent(self, gate: Gate, reading: Reading) -> str:
        """Why the server knows no such number now."""
        if reading.failure:
            return reading.failure
        look: Look = reading.payload.looks[-1]
        try:
            self.refuse_stale(look, look.age)
            return unfit(self.value_of(look.values, Presence()))
        except SourceFault as fault:
            return fault.what

    def describe(self) -> dict[str, Any]:
        """Kind, url and query."""
        return {"kind": self.kind, "url": self.url, "query": self.query}
