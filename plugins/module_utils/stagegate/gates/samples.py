"""Which samples count, and what is made of them. Nothing here reads anything."""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .model import AT_LEAST, COUNTED, QUANTILES, Gate, Measurement, Window

Point = tuple[float, float]

STAMP_ROUNDING = 1.0
"""Seconds by which a source's own time stamp may lie outside the window: many cut the fraction."""


@dataclass(frozen=True)
class Candidates:
    """Values that count, with their times, and how often others were rejected for which reason."""

    points: tuple[Point, ...]
    rejected: Counter[str]


def unfit(value: object, counts: bool = False) -> str:
    """Why a value is no sample; empty for a finite real number (not negative where it counts)."""
    if type(value) is float or type(value) is int:
        number = to_float(value)
        if number - number != 0.0:  # true for NaN and for both infinities
            return f"not finite ({value!s:.20})"
        if counts and number < 0:
            return f"a negative count ({value!s:.20})"
        return ""
    if value is None:
        return "null is no number"
    return f"a {type(value).__name__} is no number"


def to_float(value: float) -> float:
    """The number as a float; infinite when it is too large to be one."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def accept(candidates: Iterable[tuple[float, object]], counts: bool) -> Candidates:
    """Keep what counts and say why the rest does not."""
    points, rejected = [], Counter[str]()
    for t, value in candidates:
        if type(value) is float and 0.0 <= value < math.inf:  # nearly all, and false for NaN
            points.append((t, value))
            continue
        reason = unfit(value, counts)
        if reason:
            rejected[reason] += 1
        else:
            points.append((t, float(value)))  # type: ignore[arg-type]
    return Candidates(tuple(points), rejected)


def outside(stamp: float, window: Window) -> bool:
    """True for a time (seconds since 1970) that is not in the window; NaN is not."""
    earliest = window.started - STAMP_ROUNDING
    latest = window.started + window.seconds + STAMP_ROUNDING
    return not earliest <= stamp <= latest


def quantile(ordered: Sequence[float], q: float) -> float:
    """The nearest-rank quantile of sorted values: always a value that was really seen."""
    return ordered[max(0, math.ceil(q * len(ordered) - 1e-9) - 1)]


def variance(values: Sequence[float]) -> float | None:
    """The variance of a sample (n - 1); None for fewer than two values or when it is not finite."""
    if len(values) < 2:
        return None
    mean = sum(values) / len(values)
    away = [value - mean for value in values]
    spread = sum(map(operator.mul, away, away)) / (len(values) - 1)
    return spread if math.isfinite(spread) else None


def increase(values: Sequence[float]) -> float:
    """How much a counter grew. After a reset it has grown by all that it shows since."""
    return sum(
        after - before if after >= before else after for before, after in zip(values, values[1:])
    )


def furthest(gate: Gate, values: Sequence[float]) -> float:
    """The sample that decides for ``statistic: value``: the worst, so that no breach is lost."""
    wanted = gate.rules[0].aim() if gate.rules else None
    if wanted is not None:
        return max(values, key=lambda value: abs(value - wanted))
    return min(values) if gate.direction == AT_LEAST else max(values)


def summarize(gate: Gate, candidates: Candidates) -> Measurement:
    """The gate's statistic over polled values."""
    points = candidates.points
    values = [value for _, value in points]
    needed = 2 if gate.statistic in COUNTED else 1
    if len(values) < needed:
        problem = f"{len(values)} of at least {needed} samples"
        return Measurement(None, len(values), problem, rejected=candidates.rejected)
    return Measurement(
        value=statistic(gate, points, values),
        count=len(values),
        variance=variance(values),
        samples=points,
        rejected=candidates.rejected,
    )


def statistic(gate: Gate, points: Sequence[Point], values: list[float]) -> float:
    """One number for a series of samples."""
    if gate.statistic in QUANTILES:
        return quantile(sorted(values), QUANTILES[gate.statistic])
    if gate.statistic in COUNTED:
        grown = increase(values)
        elapsed = points[-1][0] - points[0][0]
        return grown if gate.statistic == "delta" else grown / elapsed if elapsed > 0 else math.nan
    return furthest(gate, values)


def thin(points: Sequence[Point], most: int) -> list[list[float]]:
    """At most ``most`` points: evenly spaced, and always the least and the greatest."""
    kept = list(range(len(points)))
    if len(points) > most:
        extremes = {
            min(kept, key=lambda i: points[i][1]),
            max(kept, key=lambda i: points[i][1]),
        }
        room = max(1, most - len(extremes))
        spaced = {round(i * (len(points) - 1) / max(1, room - 1)) for i in range(room)}
        kept = sorted(spaced | extremes)
    return [[round(points[i][0], 3), significant(points[i][1])] for i in kept]


def significant(value: float, digits: int = 6) -> float:
    """The value to six significant digits, which is more than a report can use."""
    return float(f"{value:.{digits}g}")
