"""Source ``probe``: what the window's own synthetic requests met, measured at the client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..fields import Fields
from ..model import (
    QUANTILES,
    Counts,
    Gate,
    Measurement,
    Presence,
    Reader,
    Reading,
    Samples,
    Service,
    Window,
)
from ..samples import Candidates, summarize

TRAFFIC = ("traffic",)


@dataclass(frozen=True)
class Request:
    """One synthetic request: seconds until its answer was whole, and how it failed if it did."""

    url: str
    seconds: float
    failure: str = ""
    late: bool = False


@dataclass(frozen=True)
class Probe:
    """Latency in seconds (``scale: 1000`` for ms), or with ``rate`` the share of failed requests.

    A request past its deadline counts as one that took the whole deadline: leaving it out would
    make a hanging service look fast.
    """

    url: str
    owner: Service | None
    scale: float
    kind: ClassVar[str] = "probe"
    statistics: ClassVar[tuple[str, ...]] = (*QUANTILES, "rate")
    polled: ClassVar[bool] = False

    @classmethod
    def from_fields(cls, fields: Fields, services: Sequence[Service]) -> Probe:
        """Read what a user wrote; without ``url`` all synthetic requests count."""
        url = fields.url("url", "")
        return cls(url, fields.service(url, services), fields.number("scale", 1.0))

    @property
    def service(self) -> str:
        """The service that must have served the window."""
        return self.owner.name if self.owner else ""

    def reader(self, samples: Samples) -> Reader:
        """Nothing is polled: the traffic itself is the reading."""
        return Reader(TRAFFIC, lambda: None, (), 0.0)

    def measure(self, gate: Gate, readings: Sequence[Reading], window: Window) -> Measurement:
        """The statistic over the requests to this url."""
        presence = window.presences.get(self.service, Presence()) if self.owner else Presence()
        if presence.problem:
            return Measurement(None, problem=presence.problem)
        requests = [
            (reading.t, reading.payload)
            for reading in readings
            if isinstance(reading.payload, Request) and self.url in ("", reading.payload.url)
        ]
        rejected = Counter(request.failure for _, request in requests if request.failure)
        if gate.statistic == "rate":
            failed = sum(rejected.values())
            value = failed / len(requests) * self.scale if requests else None
            problem = "" if requests else "0 of 0 requests: none was made"
            counts = Counts(failed, len(requests), self.scale)
            return Measurement(
                value, len(requests), problem, alive=True, rejected=rejected, counts=counts
            )
        points = tuple(
            (t, request.seconds * self.scale)
            for t, request in requests
            if request.late or not request.failure
        )
        if not points:
            problem = next(iter(rejected), "no request was made")
            return Measurement(None, 0, problem, rejected=rejected)
        return summarize(gate, Candidates(points, rejected))

    def spoiled(self, gate: Gate, value: float) -> tuple[list[Reading], Window]:
        """Requests that all took ``value``, or of which the share ``value`` failed."""
        count = max(gate.samples.minimum, 1) * 100
        raw = value / self.scale
        failed = int(raw * count) if gate.statistic == "rate" else 0
        readings = [
            Reading(
                gate.samples.lasting * i / count,
                Request(self.url, raw, "HTTP 500" if i < failed else ""),
            )
            for i in range(count)
        ]
        window = Window(0.0, gate.samples.lasting, {self.service: Presence()})
        return readings, window

    def silent(self, gate: Gate, reading: Reading) -> str:
        """Requests are made in the window only."""
        return ""

    def describe(self) -> dict[str, Any]:
        """Kind and url."""
        return {"kind": self.kind, "url": self.url or "all synthetic requests"}
