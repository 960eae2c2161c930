"""Exact and rank tests with their power; the only file that imports scipy and numpy.

They are asked for when a gate needs them, so that a host without such a gate needs neither.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any

from .model import SourceFault

WINDOW = 5
"""The autocorrelation is summed up to this many times the integrated time itself (Sokal's rule)."""


def library() -> tuple[Any, Any]:
    """numpy and scipy.stats. Raises SourceFault where they are not installed."""
    try:
        import numpy as np
        from scipy import stats  # type: ignore[import-untyped]
    except ImportError as error:
        raise SourceFault(
            "the Python packages scipy and numpy are missing on this host; "
            "install them: apt install python3-scipy"
        ) from error
    return np, stats


def fisher(bad: int, total: int, base_bad: int, base_total: int) -> float:
    """How likely at least so many bad events are, if nothing changed (Fisher's exact test)."""
    _, stats = library()
    table = [[bad, total - bad], [base_bad, base_total - base_bad]]
    return float(stats.fisher_exact(table, alternative="greater")[1])


def binomial(bad: int, total: int, rate: float) -> float:
    """How likely at least so many bad events are at a fixed rate (exact binomial test)."""
    _, stats = library()
    return float(stats.binomtest(bad, total, rate, alternative="greater").pvalue)


def count_power(p_value: Callable[[int], float], total: int, see: float, alpha: float) -> float:
    """How likely a test of counts is to turn red when the rate is ``see``.

    The fewest bad events that are red are found by halving: more of them are never less likely.
    """
    _, stats = library()
    low, high = 0, total + 1
    while low < high:
        middle = (low + high) // 2
        if p_value(middle) <= alpha:
            high = middle
        else:
            low = middle + 1
    return float(stats.binom.sf(low - 1, total, see)) if low <= total else 0.0


def integrated_time(values: Sequence[float]) -> float:
    """How many samples of a series are worth one independent one; 1 when they are independent.

    tau = 1 + 2 * sum of the autocorrelations, of the ranks, since a rank test sees nothing else,
    up to the first lag that is at least WINDOW * tau (A. Sokal, Monte Carlo Methods in Statistical
    Mechanics, 1996, section 3). A series of one value only has no autocorrelation: it counts as 1.
    """
    np, stats = library()
    count = len(values)
    if count < 2 or min(values) == max(values):
        return 1.0
    away = stats.rankdata(values) - (count + 1) / 2
    spectrum = np.fft.rfft(away, 2 * count)
    covariance = np.fft.irfft(spectrum * np.conjugate(spectrum))[:count]
    times = 2 * np.cumsum(covariance / covariance[0]) - 1
    far = np.nonzero(np.arange(count) >= WINDOW * times)[0]
    return max(1.0, float(times[far[0] if len(far) else count - 1]))


def independent(values: Sequence[float]) -> list[float]:
    """Every n-th sample, so far apart that they are as good as independent.

    With n = 2 * tau - 1 the neighbours that are kept of an autoregressive series correlate by less
    than 0.04, whatever tau is: one tau alone would leave 0.13, and double the false alarms.
    """
    stride = max(1, round(2 * integrated_time(values) - 1))
    return list(values[::stride])


def ranks(now: Sequence[float], before: Sequence[float]) -> float:
    """How likely so much larger samples are, if nothing changed (Mann-Whitney, one-sided)."""
    _, stats = library()
    found = stats.mannwhitneyu(now, before, alternative="greater", method="asymptotic")
    p_value = float(found.pvalue)
    return 1.0 if math.isnan(p_value) else p_value  # all values are one and the same


def rank_power(worse: Sequence[float], allowed: Sequence[float], now: int, alpha: float) -> float:
    """How likely a rank test of ``now`` samples is to turn red when they are like ``worse``.

    Noether's approximation (Sample size determination for some common nonparametric tests, JASA 82,
    1987), with the probability that one exceeds the other counted from the samples themselves.
    """
    np, _ = library()
    ordered = np.sort(np.asarray(allowed))
    below = np.searchsorted(ordered, worse, "left") + np.searchsorted(ordered, worse, "right")
    exceeds = float(np.mean(below)) / 2 / len(ordered)
    before = len(allowed)
    spread = math.sqrt((now + before + 1) / (12 * now * before))
    return NormalDist().cdf((exceeds - 0.5) / spread - NormalDist().inv_cdf(1 - alpha))
