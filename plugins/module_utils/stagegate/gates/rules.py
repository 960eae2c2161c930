"""The rules a gate can have. Each says green, amber, red or unknown of one finite number.

Every comparison is written so that a number which compares false with everything ends on the
failing side: ``if not actual <= limit``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol, Union

from .model import AT_LEAST, AT_MOST

GREEN, AMBER, RED, UNKNOWN = "green", "amber", "red", "unknown"
SEVERITY = {GREEN: 0, AMBER: 1, UNKNOWN: 2, RED: 3}
BEYOND = {AT_MOST: "above", AT_LEAST: "below"}
SPOKEN = {"count": "", "ratio": ""}
"""Units that a sentence leaves out."""

Shown = Union[float, tuple[float, float], None]


def worst_of(verdicts: list[str]) -> str:
    """Red before unknown before amber before green; nothing at all is unknown."""
    return max(verdicts, key=SEVERITY.__getitem__) if verdicts else UNKNOWN


@dataclass(frozen=True)
class Figure:
    """What a gate was on the running release: value, samples behind it, their variance."""

    value: float
    count: int
    variance: float | None = None


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

    def aim(self) -> float | None:
        """The value a good sample has; None where less or more is better."""

    def thresholds(self, baseline: Figure | None) -> tuple[Shown, Shown]:
        """Target and limit as they are for this baseline."""

    def find(self, actual: float, baseline: Figure | None, unit: str) -> Finding:
        """Judge a finite number, in words with its unit."""


def keeps(direction: str, actual: float, threshold: float) -> bool:
    """True when the number is on the good side of a threshold, or on it."""
    return actual >= threshold if direction == AT_LEAST else actual <= threshold


def spoken(number: float, unit: str) -> str:
    """A number with its unit, as a sentence has it."""
    short = SPOKEN.get(unit, unit)
    return f"{number:g} {short}" if short else f"{number:g}"


def between(direction: str, actual: float, target: float, limit: float, unit: str) -> Finding:
    """Green up to the target, amber up to the limit, red behind it."""
    told, side = spoken(actual, unit), BEYOND[direction]
    if not keeps(direction, actual, limit):
        return Finding(RED, f"{told} is {side} the limit {spoken(limit, unit)}")
    if not keeps(direction, actual, target):
        return Finding(AMBER, f"{told} is {side} the target {spoken(target, unit)}")
    return Finding(GREEN, f"{told} keeps the target {spoken(target, unit)}")


@dataclass(frozen=True)
class Absolute:
    """A limit that does not depend on anything measured."""

    direction: str
    target: float
    limit: float
    kind: str = field(default="absolute", init=False)

    def aim(self) -> float | None:
        """Less or more is better."""
        return None

    def thresholds(self, baseline: Figure | None) -> tuple[Shown, Shown]:
        """As written."""
        return self.target, self.limit

    def find(self, actual: float, baseline: Figure | None, unit: str) -> Finding:
        """Compare with target and limit."""
        return between(self.direction, actual, self.target, self.limit, unit)


@dataclass(frozen=True)
class Equals:
    """Exactly one value is good."""

    value: float
    kind: str = field(default="equals", init=False)

    def aim(self) -> float | None:
        """The value itself."""
        return self.value

    def thresholds(self, baseline: Figure | None) -> tuple[Shown, Shown]:
        """The value, twice."""
        return self.value, self.value

    def find(self, actual: float, baseline: Figure | None, unit: str) -> Finding:
        """Compare for equality."""
        if actual != self.value:  # true for NaN
            return Finding(RED, f"{spoken(actual, unit)} is not {spoken(self.value, unit)}")
        return Finding(GREEN, f"{spoken(actual, unit)} as expected")


@dataclass(frozen=True)
class Range:
    """Good from ``low`` to ``high``, both included."""

    low: float
    high: float
    kind: str = field(default="range", init=False)

    def aim(self) -> float | None:
        """The middle."""
        return self.low / 2 + self.high / 2

    def thresholds(self, baseline: Figure | None) -> tuple[Shown, Shown]:
        """The range, twice."""
        return (self.low, self.high), (self.low, self.high)

    def find(self, actual: float, baseline: Figure | None, unit: str) -> Finding:
        """Compare with both ends."""
        text = f"{self.low:g} to {spoken(self.high, unit)}"
        if not self.low <= actual <= self.high:
            return Finding(RED, f"{spoken(actual, unit)} is outside {text}")
        return Finding(GREEN, f"{spoken(actual, unit)} is within {text}")


@dataclass(frozen=True)
class Relative:
    """A limit that the running release set: a factor, a percentage, or percentage points of it.

    Percent and points differ: an error rate that goes from 0.1 % to 0.2 % grew by 100 percent and
    by 0.1 points. ``ignore_below`` is a value up to which the gate is content whatever the baseline
    was: three times almost nothing is still almost nothing.
    """

    how: str
    direction: str
    target: float
    limit: float
    ignore_below: float | None = None
    classes: ClassVar[tuple[str, ...]] = ("factor", "percent", "points")

    @property
    def kind(self) -> str:
        """Named with its way of comparing."""
        return f"relative_{self.how}"

    def aim(self) -> float | None:
        """Less or more is better."""
        return None

    def threshold(self, amount: float, base: float) -> float:
        """The value that ``amount`` allows over, or under, a baseline of ``base``."""
        down = self.direction == AT_LEAST
        if self.how == "factor":
            allowed = base / amount if down else base * amount
        elif self.how == "percent":
            allowed = base * (1 - amount / 100) if down else base * (1 + amount / 100)
        else:
            allowed = base - amount if down else base + amount
        return allowed if self.ignore_below is None else max(allowed, self.ignore_below)

    def thresholds(self, baseline: Figure | None) -> tuple[Shown, Shown]:
        """Target and limit for this baseline; None without one, or when they are no numbers."""
        if baseline is None:
            return None, None
        both = (
            self.threshold(self.target, baseline.value),
            self.threshold(self.limit, baseline.value),
        )
        return both if all(math.isfinite(t) for t in both) else (None, None)

    def find(self, actual: float, baseline: Figure | None, unit: str) -> Finding:
        """Compare with what the baseline allows. Without one there is nothing to compare with."""
        if baseline is None:
            return Finding(UNKNOWN, "there is no baseline to compare with")
        base = baseline.value
        if not base >= 0 and self.how != "points":
            return Finding(UNKNOWN, f"a {self.how} of the baseline {base:g} has no meaning")
        target, limit = self.threshold(self.target, base), self.threshold(self.limit, base)
        if not (math.isfinite(target) and math.isfinite(limit)):
            return Finding(UNKNOWN, f"the limit for the baseline {base:g} is not finite")
        found = between(self.direction, actual, target, limit, unit)
        return replace(found, reason=f"{found.reason} (baseline {spoken(base, unit)})")
