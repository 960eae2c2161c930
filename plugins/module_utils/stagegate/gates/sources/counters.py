"""Counters of a scrape: increases that survive a reset, rates per second, shares of a total."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..model import Counts, Gate, Measurement, SourceFault
from ..prometheus_text import Labels, Scrape
from ..samples import Point, increase, unfit, variance

if TYPE_CHECKING:
    from .prometheus import PrometheusText, Selection

Scrapes = Sequence[tuple[float, Scrape]]


def steps(selection: Selection, scrapes: Scrapes) -> list[float]:
    """How much the selected counters grew together, between each two scrapes.

    A series that was not there yet begins at 0: exporters make a label's series at its first event.
    """
    grown = []
    before = values_of(selection, scrapes[0][1])
    for _, scrape in scrapes[1:]:
        after = values_of(selection, scrape)
        grown.append(sum(increase((before.get(key, 0.0), now)) for key, now in after.items()))
        before = after
    return grown


def values_of(selection: Selection, scrape: Scrape) -> dict[Labels, float]:
    """The selected counters by their labels. Raises SourceFault when one is no count."""
    values = {}
    for series in selection.pick(scrape):
        reason = unfit(series.value, counts=True)
        if reason:
            raise SourceFault(f"{selection.metric} is {reason}")
        values[series.labels] = series.value
    return values


def require_span(gate: Gate, scrapes: Scrapes) -> None:
    """Raise SourceFault unless the scrapes cover at least half of the window."""
    span = scrapes[-1][0] - scrapes[0][0]
    if len(scrapes) < 2 or not span >= gate.samples.lasting / 2:
        raise SourceFault(
            f"{len(scrapes)} usable scrapes over {span:.1f} s of {gate.samples.lasting:g} s"
        )


def require_alive(source: PrometheusText, scrapes: Scrapes) -> None:
    """Raise SourceFault when the metric that must move stood still: the exporter is frozen."""
    if source.alive_metric:
        alive = type(source.wanted)(source.alive_metric, ())
        if not sum(steps(alive, scrapes)) > 0:
            raise SourceFault(f"frozen: {source.alive_metric} did not grow in the window")


def require_family(source: PrometheusText, scrapes: Scrapes) -> None:
    """Raise SourceFault when the metric is missing or is declared as something else.

    Of a share's counted part only the name must be there: no series with status 500 means that
    there was no such answer, while a name that is gone means that the release renamed it.
    """
    last = scrapes[-1][1]
    metric = source.wanted.metric
    present = last.of(metric) if source.of is not None else source.wanted.pick(last)
    if not present:
        raise SourceFault(f"no series match {metric} of the new process")
    if last.type_of(metric) not in ("", "counter"):
        raise SourceFault(f"{metric} is a {last.type_of(metric)}, not a counter")


def counted(
    source: PrometheusText, gate: Gate, scrapes: Scrapes, rejected: Counter[str]
) -> Measurement:
    """Rate or delta over the window; with ``of`` a share, whose total is the count."""
    require_span(gate, scrapes)
    require_family(source, scrapes)
    require_alive(source, scrapes)
    parts = steps(source.wanted, scrapes)
    if source.of is None:
        return of_polls(source, gate, scrapes, parts, rejected)
    totals = steps(source.of, scrapes)
    part, total = sum(parts), sum(totals)
    if part > total:
        raise SourceFault(f"{part:g} of {total:g}: the part is larger than the whole")
    points = shares(scrapes, parts, totals, source.scale)
    share = part / total if total > 0 else None
    return Measurement(
        value=(part if gate.statistic == "delta" else share or 0.0) * source.scale,
        count=int(total),
        problem="" if share is not None else f"0 of 0 {source.of.metric}: nothing was counted",
        alive=True,
        variance=variance([value for _, value in points]),
        samples=points,
        rejected=rejected,
        counts=Counts(int(part), int(total), source.scale, design_effect(parts, totals)),
    )


def design_effect(parts: Sequence[float], totals: Sequence[float]) -> float:
    """How much more the share varies between intervals than independent events would; at least 1.

    It is Pearson's chi-squared statistic over its degrees of freedom.
    """
    seen = [(part, total) for part, total in zip(parts, totals) if total > 0]
    whole = sum(total for _, total in seen)
    share = sum(part for part, _ in seen) / whole if whole else 0.0
    if len(seen) < 2 or not 0 < share < 1:
        return 1.0
    away = sum((p - n * share) ** 2 / (n * share * (1 - share)) for p, n in seen)
    return max(1.0, away / (len(seen) - 1))


def shares(
    scrapes: Scrapes, parts: list[float], totals: list[float], scale: float
) -> tuple[Point, ...]:
    """The share in each interval that had any event."""
    return tuple(
        (t, part / total * scale)
        for (t, _), part, total in zip(scrapes[1:], parts, totals)
        if total > 0
    )


def of_polls(
    source: PrometheusText,
    gate: Gate,
    scrapes: Scrapes,
    parts: list[float],
    rejected: Counter[str],
) -> Measurement:
    """An increase, or an increase per second, with nothing to hold it against."""
    rate = gate.statistic == "rate"
    points = tuple(
        (after, part * source.scale / (after - before if rate else 1.0))
        for (before, _), (after, _), part in zip(scrapes, scrapes[1:], parts)
        if after > before
    )
    total = sum(parts) * source.scale
    return Measurement(
        value=total / (scrapes[-1][0] - scrapes[0][0]) if rate else total,
        count=len(scrapes),
        variance=variance([value for _, value in points]),
        samples=points,
        rejected=rejected,
    )
