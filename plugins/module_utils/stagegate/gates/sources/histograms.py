"""Histograms of a scrape: the quantile of what was observed between the first and the last one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import histogram
from ..histogram import Buckets
from ..model import QUANTILES, Gate, Measurement, SourceFault
from ..prometheus_text import Labels, Scrape
from ..samples import Point, variance
from .counters import require_alive, require_span

if TYPE_CHECKING:
    from .prometheus import PrometheusText


def bucketed(
    source: PrometheusText,
    gate: Gate,
    scrapes: Sequence[tuple[float, Scrape]],
    rejected: Counter[str],
) -> Measurement:
    """The quantile over the window; the number of observations is the count."""
    require_span(gate, scrapes)
    require_alive(source, scrapes)
    intervals = increments(source, scrapes)
    total = histogram.added(interval for _, interval in intervals)
    count = int(total.get(math.inf, 0.0))
    q = QUANTILES[gate.statistic]
    points = interval_points(intervals, q, source.scale)
    if count == 0:
        return Measurement(None, 0, "nothing was observed in the window", rejected=rejected)
    whole = histogram.estimate(total, q)
    return Measurement(
        value=whole.value * source.scale,
        count=count,
        floor=whole.floor,
        alive=True,
        variance=variance([value for _, value in points]),
        samples=points,
        rejected=rejected,
    )


def increments(
    source: PrometheusText, scrapes: Sequence[tuple[float, Scrape]]
) -> list[tuple[float, dict[float, float]]]:
    """What was observed between each two scrapes, over all selected series together."""
    found = []
    before = buckets_in(source, scrapes[0][1])
    for t, scrape in scrapes[1:]:
        after = buckets_in(source, scrape)
        try:
            grown = histogram.added(
                histogram.grown(before.get(labels), now) for labels, now in after.items()
            )
        except ValueError as error:
            raise SourceFault(f"{source.wanted.metric}: {error}") from error
        found.append((t, grown))
        before = after
    if not before:
        raise SourceFault(f"no series match {source.wanted.metric}_bucket of the new process")
    return found


def buckets_in(source: PrometheusText, scrape: Scrape) -> dict[Labels, Buckets]:
    """The selected histograms by their labels. Raises SourceFault when one is damaged."""
    found: dict[Labels, dict[float, float]] = {}
    for series in source.wanted.pick(scrape, "_bucket"):
        labels = tuple(pair for pair in series.labels if pair[0] != "le")
        try:
            bound = float(series.get("le"))
        except ValueError as error:
            raise SourceFault(f"{source.wanted.metric}: le is no number") from error
        found.setdefault(labels, {})[bound] = series.value
    for buckets in found.values():
        problem = histogram.check(buckets)
        if problem:
            raise SourceFault(f"{source.wanted.metric}: {problem}")
    return dict(found)


def interval_points(
    intervals: Sequence[tuple[float, Buckets]], q: float, scale: float
) -> tuple[Point, ...]:
    """The quantile of each interval that observed anything, for the report's curve."""
    return tuple(
        (t, histogram.estimate(buckets, q).value * scale)
        for t, buckets in intervals
        if buckets and buckets[math.inf] > 0
    )
