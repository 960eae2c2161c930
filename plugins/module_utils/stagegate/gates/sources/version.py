"""Source ``version``: 1 while a service is the wanted release and one process, 0 otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..fields import Fields
from ..model import Gate, Identity, Measurement, Reader, Reading, Samples, Service, Window
from ..samples import Candidates, Point, summarize
from .identity import identity_reader


@dataclass(frozen=True)
class Version:
    """Judges the identity itself, so the window's presence is not asked: another one is a 0."""

    owner: Service
    kind: ClassVar[str] = "version"
    statistics: ClassVar[tuple[str, ...]] = ("value",)
    polled: ClassVar[bool] = True
    service: ClassVar[str] = ""

    @classmethod
    def from_fields(cls, fields: Fields, services: Sequence[Service]) -> Version:
        """Read what a user wrote: the service's name."""
        return cls(fields.service("", services, required=True) or Service("", ""))

    def reader(self, samples: Samples) -> Reader:
        """Poll the service's health."""
        return identity_reader(self.owner, samples)

    def measure(self, gate: Gate, readings: Sequence[Reading], window: Window) -> Measurement:
        """The worst look decides."""
        failures = [reading.failure for reading in readings if reading.failure]
        seen = [(reading.t, reading.payload) for reading in readings if not reading.failure]
        if failures or not seen:
            return Measurement(None, len(seen), (failures or ["never asked"])[0])
        first: Identity = seen[0][1]
        wanted = Identity(window.expected_version or first.version, first.instance)
        points: tuple[Point, ...] = tuple((t, float(told == wanted)) for t, told in seen)
        return summarize(gate, Candidates(points, Counter()))

    def spoiled(self, gate: Gate, value: float) -> tuple[list[Reading], Window]:
        """A service that is the wanted release, or another."""
        told = Identity("wanted" if value == 1 else "other", "self-test")
        readings = [Reading(float(i), told) for i in range(gate.samples.minimum)]
        return readings, Window(0.0, gate.samples.lasting, expected_version="wanted")

    def silent(self, gate: Gate, reading: Reading) -> str:
        """Why the service does not say who it is."""
        return reading.failure

    def describe(self) -> dict[str, Any]:
        """Kind and service."""
        return {"kind": self.kind, "service": self.owner.name, "url": self.owner.url}
