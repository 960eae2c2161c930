"""What sources have in common that give a JSON document with one number in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, ClassVar

from ..fields import Fields
from ..model import (
    COUNTED,
    STATISTICS,
    Gate,
    Identity,
    Measurement,
    Presence,
    Reading,
    Service,
    SourceFault,
    Window,
)
from ..samples import Candidates, accept, outside, summarize, unfit
from .http import dig
from .identity import identity_in
from .polling import scaled, scaled_back, spoiled_series

SPOILED = Identity("self-test", "self-test")


@dataclass(frozen=True)
class Document:
    """``owner`` is the service whose release and process the same document tells.

    ``path`` is where the number stands; empty when the document is the number.
    """

    path: str
    owner: Service | None
    version_field: str
    instance_field: str
    time_field: str
    deadline: float
    scale: float
    statistics: ClassVar[tuple[str, ...]] = STATISTICS
    polled: ClassVar[bool] = True

    @staticmethod
    def common(fields: Fields, owner: Service | None) -> dict[str, Any]:
        """The keys that all of these sources have, but path and deadline."""
        return {
            "owner": owner,
            "version_field": fields.text("version_field", owner.version_field if owner else ""),
            "instance_field": fields.text("instance_field", owner.instance_field if owner else ""),
            "time_field": fields.text("time_field", ""),
            "scale": fields.number("scale", 1.0),
        }

    @property
    def service(self) -> str:
        """The service that must have served the window."""
        return self.owner.name if self.owner else ""

    def measure(self, gate: Gate, readings: Sequence[Reading], window: Window) -> Measurement:
        """The statistic of the numbers that the new process stamped inside the window."""
        presence = window.presences.get(self.service, Presence()) if self.owner else Presence()
        if presence.problem:
            return Measurement(None, problem=presence.problem)
        values: list[tuple[float, object]] = []
        rejected = Counter[str]()
        for reading in readings:
            try:
                values.append((reading.t, self.value_in(reading, presence, window)))
            except SourceFault as fault:
                rejected[fault.what] += 1
        kept = accept(values, counts=gate.unit == "count" or gate.statistic in COUNTED)
        candidates = Candidates(scaled(kept.points, self.scale), kept.rejected + rejected)
        strangers = [reason for reason in rejected if reason.startswith("answered by ")]
        if strangers:
            return Measurement(None, problem=strangers[0], rejected=candidates.rejected)
        return summarize(gate, candidates)

    def value_in(self, reading: Reading, presence: Presence, window: Window) -> object:
        """What stands at the path, unless another process said it or it is from another time."""
        if reading.failure:
            raise SourceFault(reading.failure)
        document = reading.payload
        if presence.identity is not None:
            told = identity_in(document, self.version_field, self.instance_field)
            if told != presence.identity:
                raise SourceFault(
                    f"answered by release {told.version}, process {told.instance}, "
                    f"not by {presence.identity.version}, {presence.identity.instance}"
                )
        if self.time_field:
            self.refuse_stale(dig(document, self.time_field), window)
        return dig(document, self.path) if self.path else document

    def refuse_stale(self, stamp: object, window: Window) -> None:
        """Raise SourceFault unless the document's own time lies in the window."""
        if outside(seconds_since_1970(stamp), window):
            raise SourceFault(f"stale: {self.time_field} is {stamp!s:.40}, outside the window")

    def spoiled(self, gate: Gate, value: float) -> tuple[list[Reading], Window]:
        """Answers that carry ``value`` at the path."""
        window = Window(0.0, gate.samples.lasting, {self.service: Presence(SPOILED)})
        series = spoiled_series(gate, scaled_back(value, self.scale))
        return [Reading(t, self.saying(number, t)) for t, number in series], window

    def saying(self, number: float, t: float) -> Any:
        """A document with a number, as the self-test's process would say it at a time."""
        if not self.path:
            return number
        document: dict[str, Any] = {}
        place(document, self.path, number)
        if self.owner:
            place(document, self.version_field, SPOILED.version)
            place(document, self.instance_field, SPOILED.instance)
        if self.time_field:
            place(document, self.time_field, t)
        return document

    def silent(self, gate: Gate, reading: Reading) -> str:
        """Why there is no number now."""
        try:
            if self.owner and not reading.failure:
                identity_in(reading.payload, self.version_field, self.instance_field)
            return unfit(self.value_in(reading, Presence(), Window(0.0, float("inf"))))
        except SourceFault as fault:
            return fault.what


def seconds_since_1970(stamp: object) -> float:
    """A time in seconds or in ISO 8601; NaN, which is inside no window, for anything else."""
    if not unfit(stamp):
        return float(stamp)  # type: ignore[arg-type]
    if not isinstance(stamp, str):
        return float("nan")
    try:
        moment = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    except ValueError:
        return float("nan")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp()


def place(document: dict[str, Any], path: str, value: object) -> None:
    """Put a value at a dotted path, making what is missing on the way. Positions become keys."""
    *steps, last = path.split(".")
    for step in steps:
        document = document.setdefault(step, {})
    document[last] = value
