"""Quantiles of Prometheus histograms, from what was counted between two scrapes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Buckets = Mapping[float, float]
"""Cumulative counts by upper bound, the infinite one among them."""


@dataclass(frozen=True)
class Estimate:
    """An estimated quantile; with ``floor`` the true one may be anything above it."""

    value: float
    floor: bool


def check(buckets: Buckets) -> str:
    """Why these are no histogram's buckets; empty when they are."""
    counts = [buckets[bound] for bound in sorted(buckets)]
    if len(counts) < 2 or math.inf not in buckets:
        return "a histogram needs a finite bucket and the bucket le=+Inf"
    if not all(math.isfinite(count) and count >= 0 for count in counts):
        return "a bucket's count is not a finite positive number"
    if counts != sorted(counts):
        return "the buckets' counts are not cumulative"
    return ""


def grown(before: Buckets | None, after: Buckets) -> Buckets:
    """What was counted between two scrapes; all that it shows when the histogram was reset.

    A reset is told by the total, so that all buckets agree on it.
    """
    if before is None or before.keys() != after.keys() or after[math.inf] < before[math.inf]:
        return after
    return {bound: after[bound] - before[bound] for bound in after}


def added(several: Iterable[Buckets]) -> dict[float, float]:
    """The sum of histograms. Raises ValueError when their bounds differ."""
    total: dict[float, float] = {}
    for buckets in several:
        if total and total.keys() != buckets.keys():
            raise ValueError("the matching series have different bucket bounds")
        for bound, count in buckets.items():
            total[bound] = total.get(bound, 0.0) + count
    return total


def estimate(buckets: Buckets, q: float) -> Estimate:
    """The q-quantile, interpolated as PromQL's histogram_quantile does for classic histograms.

    Source: https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
    Observations are taken to lie evenly in their bucket; the lowest bucket begins at 0 when its
    bound is positive. So the estimate is exact only on a bound: put a bucket's bound where the
    limit is. Where PromQL answers a quantile beyond the last finite bound with that bound, this
    says that the value is only a floor: a gate must not pass on it. The caller has checked the
    buckets.
    """
    bounds = sorted(buckets)
    rank = q * buckets[math.inf]
    index = next(i for i, bound in enumerate(bounds) if buckets[bound] >= rank)
    upper = bounds[index]
    if upper == math.inf:
        return Estimate(bounds[-2], floor=True)
    lower = bounds[index - 1] if index else min(0.0, upper)
    below = buckets[bounds[index - 1]] if index else 0.0
    inside = buckets[upper] - below
    share = (rank - below) / inside if inside > 0 else 1.0
    return Estimate(lower + (upper - lower) * share, floor=False)
