"""Statistical rules: counts by an exact test, series by a rank test.

A test that finds nothing says only that it found nothing. So each names the change that it must be
able to see, and is unknown when so few events or samples would show it too seldom.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from . import inference
from .model import AT_LEAST, Counts
from .rules import AMBER, BEYOND, GREEN, RED, UNKNOWN, Case, Figure, Finding, Shown, spoken


@dataclass(frozen=True)
class CountTest:
    """Red when there are more bad events than chance explains, at the level ``alpha``.

    ``rate`` is a fixed share to test against, in the gate's unit; None compares with the baseline's
    counts. ``see`` is the share that must be noticed with the probability ``power``.
    """

    direction: str
    rate: float | None
    see: float
    alpha: float
    target_alpha: float
    power: float
    kind: ClassVar[str] = "counts"

    @property
    def compares(self) -> bool:
        """True when it needs the baseline's counts."""
        return self.rate is None

    def aim(self) -> float | None:
        """Less or more is better."""
        return None

    def thresholds(self, baseline: Figure | None) -> tuple[Shown, Shown]:
        """None: what is red depends on how much was counted."""
        return None, None

    def find(self, case: Case) -> Finding:
        """Test, and look at what the test could have seen."""
        counts, figure = case.measured.counts, case.figure
        if counts is None:
            return Finding(UNKNOWN, "the source says nothing of events and their total")
        bad, total = self.failing(counts)
        if self.rate is None:
            if figure is None or figure.counts is None:
                return Finding(UNKNOWN, "the baseline has no counts to compare with")
            before = self.failing(figure.counts)
            against = f"{before[0]} of {before[1]} before"
            test = comparing(total, before)
        else:
            against = f"a rate of {spoken(self.rate, case.unit)}"
            test = fixed(total, self.share(self.rate, counts))
        p_value = test(bad)
        words = f"{bad} of {total} against {against}: p = {p_value:.2g}"
        seen = inference.count_power(test, total, self.share(self.see, counts), self.alpha)
        can = f"{spoken(self.see, case.unit)} would be seen with {seen:.0%}"
        if not p_value > self.alpha:
            return Finding(RED, words)
        if not seen >= self.power:
            return Finding(UNKNOWN, f"{words}; {can} only, {self.power:.0%} is wanted")
        verdict = GREEN if p_value > self.target_alpha else AMBER
        return Finding(verdict, f"{words}; {can}")

    def failing(self, counts: Counts) -> tuple[int, int]:
        """Bad events and all of them, as if they were independent.

        Events that come in bursts are worth fewer: both numbers are divided by the design effect
        (J. N. K. Rao and A. J. Scott, A simple method for the analysis of clustered binary data,
        Biometrics 48, 1992).
        """
        bad = counts.total - counts.part if self.direction == AT_LEAST else counts.part
        total = int(counts.total / counts.effect)
        return min(total, round(bad / counts.effect)), total

    def share(self, value: float, counts: Counts) -> float:
        """A share of bad events, from a value in the gate's unit."""
        share = value / counts.scale
        return min(1.0, max(0.0, 1 - share if self.direction == AT_LEAST else share))


def comparing(total: int, before: tuple[int, int]) -> Callable[[int], float]:
    """The p-value of so many bad events now, compared with those before."""
    return lambda bad: inference.fisher(bad, total, *before)


def fixed(total: int, rate: float) -> Callable[[int], float]:
    """The p-value of so many bad events, at a fixed rate."""
    return lambda bad: inference.binomial(bad, total, rate)


@dataclass(frozen=True)
class RankTest:
    """Red when the samples are worse than the baseline's by more than ``limit`` percent, at the
    level ``alpha``; amber for ``target`` percent.

    Only ``points`` samples that are as good as independent count, on both sides. ``see`` is the
    change in percent that must be noticed with the probability ``power``.
    """

    direction: str
    target: float
    limit: float
    see: float
    alpha: float
    power: float
    points: int
    kind: ClassVar[str] = "ranks"
    compares: ClassVar[bool] = True

    def aim(self) -> float | None:
        """Less or more is better."""
        return None

    def thresholds(self, baseline: Figure | None) -> tuple[Shown, Shown]:
        """None: a rank test has no threshold for one value."""
        return None, None

    def find(self, case: Case) -> Finding:
        """Test, and look at what the test could have seen."""
        before = list(case.figure.kept) if case.figure is not None else []
        series = [value for _, value in case.measured.samples]
        now = inference.independent(series)
        worth = f"{len(series)} samples are worth {len(now)}, the baseline's {len(before)}"
        if min(len(now), len(before)) < self.points:
            return Finding(UNKNOWN, f"{worth} of at least {self.points} independent ones")
        if not all(math.isfinite(value) and value >= 0 for value in before):
            return Finding(UNKNOWN, "percent of a negative baseline have no meaning")
        p_value = self.p_value(now, before, self.limit)
        words = f"p = {p_value:.2g} for {self.worse(self.limit)} than the baseline; {worth}"
        if not p_value > self.alpha:
            return Finding(RED, words)
        if not case.constant and (min(now) == max(now) or min(before) == max(before)):
            return Finding(UNKNOWN, "one and the same value all the time: is its source alive?")
        seen = self.power_of(before, len(now))
        can = f"{self.worse(self.see)} would be seen with {seen:.0%}"
        if not seen >= self.power:
            return Finding(UNKNOWN, f"{words}; {can} only, {self.power:.0%} is wanted")
        if not self.p_value(now, before, self.target) > self.alpha:
            return Finding(AMBER, f"{self.worse(self.target)} than the baseline; {words}; {can}")
        return Finding(GREEN, f"{words}; {can}")

    def moved(self, values: Sequence[float], percent: float) -> list[float]:
        """Samples made worse by a percentage, turned so that larger is worse."""
        factor = -(1 - percent / 100) if self.direction == AT_LEAST else 1 + percent / 100
        return [value * factor for value in values]

    def p_value(self, now: Sequence[float], before: Sequence[float], percent: float) -> float:
        """The one-sided p-value of being worse by more than a percentage."""
        turned = [-value for value in now] if self.direction == AT_LEAST else list(now)
        return inference.ranks(turned, self.moved(before, percent))

    def power_of(self, before: Sequence[float], now: int) -> float:
        """The probability to see the wanted change with so many samples."""
        worse, allowed = self.moved(before, self.see), self.moved(before, self.limit)
        return inference.rank_power(worse, allowed, now, self.alpha)

    def worse(self, percent: float) -> str:
        """How much worse, in words."""
        return f"more than {percent:g} % {BEYOND[self.direction]}"
