"""Rules over time: a breach that lasts, breaches in a row, and what must be true by a deadline.

What was not seen is not good: a hole in the series makes the rule unknown, unless what was seen
alone is red.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from .model import Samples
from .rules import (
    AMBER,
    BEYOND,
    GREEN,
    RED,
    UNKNOWN,
    Case,
    Figure,
    Finding,
    Shown,
    keeps,
    spoken,
)

SUSTAINED, CONSECUTIVE = "sustained", "consecutive"
HOLE = 2.5
"""How many times the planned pause two samples may lie apart before something was missed."""
SHORTEST_HOLE = 1.0
"""Seconds that a busy machine may be late with a look."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Level:
    """A threshold, and how long a breach must be to count: seconds, or samples in a row."""

    threshold: float
    amount: float


@dataclass(frozen=True)
class Streak:
    """Red when the limit is broken by every sample for as long as its amount, amber at the target.

    ``kind`` says what the amount counts: ``sustained`` seconds, ``consecutive`` samples. A breach
    that goes on when the window ends, and is not long enough yet, is amber; in a window that is
    itself shorter than the amount it is unknown, for there it could never have become red.
    ``hole`` is how far apart two samples may lie; None leaves it to the pause between looks.
    """

    kind: str
    direction: str
    target: Level
    limit: Level
    hole: float | None = None
    compares: ClassVar[bool] = False

    def aim(self) -> float | None:
        """Less or more is better."""
        return None

    def thresholds(self, baseline: Figure | None) -> tuple[Shown, Shown]:
        """As written."""
        return self.target.threshold, self.limit.threshold

    def find(self, case: Case) -> Finding:
        """Look for the longest breach of limit and target."""
        points, step = case.measured.samples, case.samples.every
        widest = self.hole or max(HOLE * step, SHORTEST_HOLE)
        broken = runs(points, self.breaks(self.limit), widest)
        if any(self.enough(run, self.limit, step) for run in broken):
            return Finding(RED, self.words(self.limit, "limit", case.unit))
        hole = widest_hole(points, case.samples)
        if not hole <= widest:
            return Finding(UNKNOWN, f"nothing was seen for {hole:g} s: that may not have been good")
        going_on = open_end(points, broken)
        if going_on and not self.fits(case.samples):
            asked = f"{self.told(self.limit)} cannot be seen in {case.samples.lasting:g} s"
            return Finding(UNKNOWN, f"broken when the window ended, and {asked}")
        return self.aimed(case, widest, bool(going_on))

    def aimed(self, case: Case, widest: float, going_on: bool) -> Finding:
        """Amber or green, the limit being kept."""
        step = case.samples.every
        missed = runs(case.measured.samples, self.breaks(self.target), widest)
        if any(self.enough(run, self.target, step) for run in missed):
            return Finding(AMBER, self.words(self.target, "target", case.unit))
        if going_on:
            limit = spoken(self.limit.threshold, case.unit)
            return Finding(AMBER, f"{BEYOND[self.direction]} the limit {limit} at the window's end")
        limit = spoken(self.limit.threshold, case.unit)
        side = BEYOND[self.direction]
        return Finding(GREEN, f"never {side} {limit} {self.told(self.limit)}")

    def breaks(self, level: Level) -> Callable[[float], bool]:
        """Whether a value is on the bad side of a level."""
        return lambda value: not keeps(self.direction, value, level.threshold)

    def enough(self, run: Sequence[Point], level: Level, step: float) -> bool:
        """True when a breach is as long as its level asks; looks are late by up to half a pause."""
        if self.kind == CONSECUTIVE:
            return len(run) >= level.amount
        return run[-1][0] - run[0][0] >= level.amount - min(step, level.amount) / 2

    def fits(self, samples: Samples) -> bool:
        """True when a window is long enough to show a breach of the limit.

        A source of events has its first sample one pause after the start.
        """
        if self.kind == CONSECUTIVE:
            return samples.polls >= self.limit.amount
        return samples.lasting >= self.limit.amount + samples.every

    def told(self, level: Level) -> str:
        """How long, in words."""
        if self.kind == CONSECUTIVE:
            return f"{level.amount:g} times in a row"
        return f"for {level.amount:g} s"

    def words(self, level: Level, name: str, unit: str) -> str:
        """A breach in words."""
        threshold = spoken(level.threshold, unit)
        return f"{BEYOND[self.direction]} the {name} {threshold} {self.told(level)}"


def runs(points: Sequence[Point], bad: Callable[[float], bool], widest: float) -> list[list[Point]]:
    """The series' unbroken stretches of bad samples; a hole parts them."""
    found: list[list[Point]] = []
    before: Point | None = None
    for point in points:
        if bad(point[1]):
            joined = before is not None and found and found[-1][-1] is before
            if joined and before is not None and point[0] - before[0] <= widest:
                found[-1].append(point)
            else:
                found.append([point])
        before = point
    return found


def widest_hole(points: Sequence[Point], samples: Samples) -> float:
    """The longest time of the window that no sample covers; all of it when there is none."""
    times = [0.0, *(t for t, _ in points), samples.lasting]
    return max(after - before for before, after in zip(times, times[1:]))


def open_end(points: Sequence[Point], broken: Sequence[Sequence[Point]]) -> bool:
    """True when the last sample is a bad one."""
    return bool(points and broken and broken[-1][-1] is points[-1])


@dataclass(frozen=True)
class Deadline:
    """A limit that need not be kept at once: amber until ``by`` seconds after the deployment began,
    red afterwards."""

    direction: str
    limit: float
    by: float
    kind: ClassVar[str] = "deadline"
    compares: ClassVar[bool] = False

    def aim(self) -> float | None:
        """Less or more is better."""
        return None

    def thresholds(self, baseline: Figure | None) -> tuple[Shown, Shown]:
        """As written."""
        return self.limit, self.limit

    def find(self, case: Case) -> Finding:
        """Compare, and look at how old the deployment is."""
        told, side = spoken(case.actual, case.unit), BEYOND[self.direction]
        limit = spoken(self.limit, case.unit)
        if keeps(self.direction, case.actual, self.limit):
            return Finding(GREEN, f"{told} keeps {limit}")
        missed = f"{told} is {side} {limit}"
        if case.age is None or not case.age >= 0:
            return Finding(UNKNOWN, f"{missed}, and it is not known when the deployment began")
        if not case.age <= self.by:
            return Finding(RED, f"{missed}, which it had to keep within {days(self.by)}")
        return Finding(AMBER, f"{missed}, which it must keep within {days(self.by)}")


def days(seconds: float) -> str:
    """A time as a deadline has it."""
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= length:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"
