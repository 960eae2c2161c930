"""The rules a gate can have. Each says green, amber, red or unknown of one case.

Every comparison is written so that a number which compares false with everything ends on the
failing side: ``if not actual <= limit``. The rules that ask for more than one number stand in
``rules_relative`` (the baseline), ``rules_series`` (time) and ``rules_tests`` (statistics).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Optional, Protocol, Union

from .model import AT_LEAST, AT_MOST, Counts, Measurement, Samples

GREEN, AMBER, RED, UNKNOWN = "green", "amber", "red", "unknown"
SEVERITY = {GREEN: 0, AMBER: 1, UNKNOWN: 2, RED: 3}
BEYOND = {AT_MOST: "above", AT_LEAST: "below"}
SPOKEN = {"count": "", "ratio": ""}
"""Units that a sentence leaves out."""

Band = tuple[Optional[float], Optional[float]]
"""From the lowest to the highest good value; None is an open end."""

Shown = Union[float, Band, None]


def worst_of(verdicts: list[str]) -> str:
    """Red before unknown before amber before green; nothing at all is unknown."""
    return max(verdicts, key=SEVERITY.__getitem__) if verdicts else UNKNOWN


@dataclass(frozen=True)
class Figure:
    """What a gate was on the running release: value, samples behind it, their variance.

    ``counts`` are the events behind a share. ``kept`` are independent samples for a rank test.
    ``history`` is the value at the same hour of earlier days, by date; None where none is known.
    """

    value: float
    count: int
    variance: float | None = None
    counts: Counts | None = None
    kept: tuple[float, ...] = ()
    history: tuple[tuple[str, float | None], ...] = ()


@dataclass(frozen=True)
class Case:
    """What a rule judges: a finite value, the measurement and the samples it comes from.

    ``lowest`` and ``highest`` are the ends of the series where every sample counts, else the value.
    ``age`` is how many seconds ago the deployment began; None when that is not known.
    """

    actual: float
    unit: str
    measured: Measurement
    samples: Samples
    figure: Figure | None = None
    age: float | None = None
    constant: bool = False
    lowest: float = 0.0
    highest: float = 0.0


@dataclass(frozen=True)
class Finding:
    """What one rule says, and why. A remark is told whatever the other rules say."""

    verdict: str
    reason: str
    remark: bool = False


class Rule(Protocol):
    """One rule; ``target`` and ``limit`` are its amber and red thresholds where it has them."""

    @property
    def kind(self) -> str:
        """Its name in results."""

    @property
    def compares(self) -> bool:
        """True when it needs the baseline."""

    def aim(self) -> float | None:
        """The value a good sample has; None where less or more is better."""

    def thresholds(self, baseline: Figure | None) -> tuple[Shown, Shown]:
        """Target and limit as they are for this baseline."""

    def find(self, case: Case) -> Finding:
        """Judge a finite number, in words with its unit."""


def keeps(direction: str, actual: float, threshold: float) -> bool:
    """True when the number is on the good side of a threshold, or on it."""
    return actual >= threshold if direction == AT_LEAST else actual <= threshold


def inside(actual: float, band: Band) -> bool:
    """True when the number is within a band, its ends included."""
    low, high = band
    return (low is None or actual >= low) and (high is None or actual <= high)


def spoken(number: float, unit: str) -> str:
    """A number with its unit, as a sentence has it."""
    short = SPOKEN.get(unit, unit)
    return f"{number:g} {short}" if short else f"{number:g}"


def spoken_band(band: Band, unit: str) -> str:
    """A band with its unit, as a sentence has it."""
    low, high = band
    if low is None or high is None:
        side, end = ("at least", low) if high is None else ("at most", high)
        return "anything" if end is None else f"{side} {spoken(end, unit)}"
    return f"{low:g} to {spoken(high, unit)}"


def between(direction: str, actual: float, target: float, limit: float, unit: str) -> Finding:
    """Green up to the target, amber up to the limit, red behind it."""
    told, side = spoken(actual, unit), BEYOND[direction]
    if not keeps(direction, actual, limit):
        return Finding(RED, f"{told} is {side} the limit {spoken(limit, unit)}")
    if not keeps(direction, actual, target):
        return Finding(AMBER, f"{told} is {side} the target {spoken(target, unit)}")
    return Finding(GREEN, f"{told} keeps the target {spoken(target, unit)}")


def within(values: tuple[float, ...], target: Band, limit: Band, unit: str) -> Finding:
    """Green when all values are inside the target, amber when inside the limit, red otherwise."""
    for value in values:
        if not inside(value, limit):
            return Finding(RED, f"{spoken(value, unit)} is outside {spoken_band(limit, unit)}")
    for value in values:
        if not inside(value, target):
            wanted = spoken_band(target, unit)
            return Finding(AMBER, f"{spoken(value, unit)} is outside the target {wanted}")
    return Finding(GREEN, f"{spoken(values[0], unit)} is within {spoken_band(target, unit)}")


@dataclass(frozen=True)
class Absolute:
    """A limit that does not depend on anything measured."""

    direction: str
    target: float
    limit: float
    kind: str = field(default="absolute", init=False)
    compares: ClassVar[bool] = False

    def aim(self) -> float | None:
        """Less or more is better."""
        return None

    def thresholds(self, baseline: Figure | None) -> tuple[Shown, Shown]:
        """As written."""
        return self.target, self.limit

    def find(self, case: Case) -> Finding:
        """Compare with target and limit."""
        return between(self.direction, case.actual, self.target, self.limit, case.unit)


@dataclass(frozen=True)
class Equals:
    """Exactly one value is good."""

    value: float
    kind: str = field(default="equals", init=False)
    compares: ClassVar[bool] = False

    def aim(self) -> float | None:
        """The value itself."""
        return self.value

    def thresholds(self, baseline: Figure | None) -> tuple[Shown, Shown]:
        """The value, twice."""
        return self.value, self.value

    def find(self, case: Case) -> Finding:
        """Compare for equality."""
        told = spoken(case.actual, case.unit)
        if case.actual != self.value:  # true for NaN
            return Finding(RED, f"{told} is not {spoken(self.value, case.unit)}")
        return Finding(GREEN, f"{told} as expected")


@dataclass(frozen=True)
class Range:
    """Red outside ``low`` to ``high``, amber outside the target, which is the same by default."""

    low: float
    high: float
    target: Band
    kind: str = field(default="range", init=False)
    compares: ClassVar[bool] = False

    def aim(self) -> float | None:
        """The middle."""
        return self.low / 2 + self.high / 2

    def thresholds(self, baseline: Figure | None) -> tuple[Shown, Shown]:
        """Target and limit."""
        return self.target, (self.low, self.high)

    def find(self, case: Case) -> Finding:
        """Compare with both ends."""
        values = (case.actual, case.lowest, case.highest)
        return within(values, self.target, (self.low, self.high), case.unit)
