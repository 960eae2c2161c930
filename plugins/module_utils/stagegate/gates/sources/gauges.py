"""Gauges of a scrape: one number each time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..model import Gate, Measurement, SourceFault
from ..prometheus_text import Scrape
from ..samples import Candidates, accept, summarize
from .counters import require_alive, require_span
from .polling import scaled

if TYPE_CHECKING:
    from .prometheus import PrometheusText


def gauged(
    source: PrometheusText,
    gate: Gate,
    scrapes: Sequence[tuple[float, Scrape]],
    rejected: Counter[str],
) -> Measurement:
    """The statistic over the gauge's values."""
    if source.alive_metric:
        require_span(gate, scrapes)
        require_alive(source, scrapes)
    values: list[tuple[float, object]] = []
    for t, scrape in scrapes:
        try:
            values.append((t, gauge_in(source, scrape)))
        except SourceFault as fault:
            rejected[fault.what] += 1
    kept = accept(values, counts=gate.unit == "count")
    candidates = Candidates(scaled(kept.points, source.scale), kept.rejected + rejected)
    if not kept.points and rejected:
        return Measurement(None, problem=next(iter(rejected)), rejected=candidates.rejected)
    return summarize(gate, candidates)


def gauge_in(source: PrometheusText, scrape: Scrape) -> float:
    """The gauge's value in one scrape. Raises SourceFault unless it is one number."""
    metric = source.wanted.metric
    declared = scrape.type_of(metric)
    if declared not in ("", "gauge"):
        raise SourceFault(f"{metric} is a {declared}, not a gauge")
    found = [series.value for series in source.wanted.pick(scrape)]
    if not found:
        raise SourceFault(f"no series match {metric} of the new process")
    if source.aggregate == "one" and len(found) > 1:
        raise SourceFault(f"{len(found)} series match {metric}: name its labels or an aggregate")
    if source.aggregate == "max":
        return max(found)
    return min(found) if source.aggregate == "min" else sum(found)
