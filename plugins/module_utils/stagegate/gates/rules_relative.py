"""Rules that compare with what the running release was: at the baseline, or at the same hour."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace
from typing import ClassVar

from .model import AT_LEAST
from .rules import UNKNOWN, Band, Case, Figure, Finding, Shown, between, spoken, within

WAYS = ("factor", "percent", "points")
BASELINE, SAME_HOUR = "baseline", "same_hour"
FEWEST_DAYS = 3
"""Earlier days of which the same hour must be known; a median of fewer is one day's accident."""


def reference(to: str, figure: Figure | None) -> tuple[float | None, str]:
    """The value to compare with and what it is called; without one, why there is none."""
    if figure is None:
        return None, "there is no baseline to compare with"
    if to == BASELINE:
        return figure.value, f"baseline {figure.value:g}"
    days = [value for _, value in figure.history if value is not None]
    if len(days) < FEWEST_DAYS:
        missing = [day for day, value in figure.history if value is None]
        named = f" (nothing on {', '.join(missing)})" if missing else ""
        return None, f"the same hour is known of {len(days)} of at least {FEWEST_DAYS} days{named}"
    median = statistics.median(days)
    return median, f"same hour {median:g}, the median of {len(days)} days"


def moved(how: str, amount: float, base: float) -> float:
    """The base changed by an amount: a factor of it, percent more, or points more."""
    if how == "factor":
        return base * amount
    return base * (100 + amount) / 100 if how == "percent" else base + amount


def moved_band(how: str, band: Band, base: float) -> Band:
    """The band's ends as values; an open end stays open."""
    low, high = (None if end is None else moved(how, end, base) for end in band)
    return low, high


def unusable(how: str, base: float, thresholds: tuple[float | None, ...], least: float) -> str:
    """Why a base cannot be compared with; empty when it can."""
    if how != "points" and not base >= least:
        return f"a {how} of the baseline {base:g} has no meaning"
    if not all(t is None or math.isfinite(t) for t in thresholds):
        return f"the limit for the baseline {base:g} is not finite"
    return ""


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
    to: str = BASELINE
    compares: ClassVar[bool] = True

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
        else:
            allowed = moved(self.how, -amount if down else amount, base)
        return allowed if self.ignore_below is None else max(allowed, self.ignore_below)

    def thresholds(self, baseline: Figure | None) -> tuple[Shown, Shown]:
        """Target and limit for this baseline; None without one, or when they are no numbers."""
        base, _ = reference(self.to, baseline)
        if base is None:
            return None, None
        both = self.threshold(self.target, base), self.threshold(self.limit, base)
        return both if all(math.isfinite(t) for t in both) else (None, None)

    def find(self, case: Case) -> Finding:
        """Compare with what the baseline allows. Without one there is nothing to compare with."""
        base, words = reference(self.to, case.figure)
        if base is None:
            return Finding(UNKNOWN, words)
        target, limit = self.threshold(self.target, base), self.threshold(self.limit, base)
        problem = unusable(self.how, base, (target, limit), 0.0)
        if problem:
            return Finding(UNKNOWN, problem)
        found = between(self.direction, case.actual, target, limit, case.unit)
        return replace(found, reason=f"{found.reason} ({with_unit(words, case.unit)})")


@dataclass(frozen=True)
class RelativeRange:
    """A band around the baseline: "3 to 5 times", "40 to 60 % lower" (from -60 to -40 percent).

    It judges an improvement that was promised, so both directions of a miss count.
    """

    how: str
    target: Band
    limit: Band
    to: str = BASELINE
    compares: ClassVar[bool] = True

    @property
    def kind(self) -> str:
        """Named with its way of comparing."""
        return f"relative_range_{self.how}"

    def aim(self) -> float | None:
        """The band's place is only known with the baseline; both ends of the series are judged."""
        return None

    def bands(self, base: float) -> tuple[Band, Band]:
        """Target and limit as values."""
        return moved_band(self.how, self.target, base), moved_band(self.how, self.limit, base)

    def thresholds(self, baseline: Figure | None) -> tuple[Shown, Shown]:
        """Target and limit for this baseline; None without one, or when they are no numbers."""
        base, _ = reference(self.to, baseline)
        if base is None:
            return None, None
        target, limit = self.bands(base)
        sound = all(t is None or math.isfinite(t) for t in (*target, *limit))
        return (target, limit) if sound else (None, None)

    def find(self, case: Case) -> Finding:
        """Compare with the band; a factor or percentage of nothing is unknown."""
        base, words = reference(self.to, case.figure)
        if base is None:
            return Finding(UNKNOWN, words)
        target, limit = self.bands(base)
        problem = unusable(self.how, base, (*target, *limit), math.ulp(0.0))
        if problem:
            return Finding(UNKNOWN, problem)
        found = within((case.actual, case.lowest, case.highest), target, limit, case.unit)
        return replace(found, reason=f"{found.reason} ({with_unit(words, case.unit)})")


def with_unit(words: str, unit: str) -> str:
    """The name of a base, its number followed by the unit."""
    head, comma, rest = words.partition(",")
    name, _, number = head.rpartition(" ")
    return f"{name} {spoken(float(number), unit)}{comma}{rest}"
