"""Scrapes as they would be if everything went as badly as a gate's worst value."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..matching import Matcher, all_hold, examples
from ..model import COUNTED, QUANTILES, Gate, Identity, Presence, Reading, SourceFault, Window
from ..prometheus_text import Labels, Scrape, Series
from .polling import scaled_back, spoiled_series

if TYPE_CHECKING:
    from .prometheus import PrometheusText

MOST_LOOKS = 100

SPOILED = Identity("self-test", "self-test")

Said = list[tuple[str, Series]]


def spoiled_scrapes(
    source: PrometheusText, gate: Gate, value: float
) -> tuple[list[Reading], Window]:
    """Readings whose statistic is ``value``. Raises SourceFault when no label can be made up."""
    window = Window(0.0, gate.samples.lasting, {source.service: Presence(SPOILED)})
    raw = scaled_back(value, source.scale)
    if gate.statistic in QUANTILES:
        whole = 100.0 * gate.samples.minimum
        said = [(t, histogram_at(source, raw, whole * grown)) for t, grown in growth(gate)]
    elif gate.statistic in COUNTED and source.of is not None:
        said = shares_at(source, gate, raw)
    else:
        labels = made_up(source, source.wanted.labels)
        said = [
            (t, [(source.wanted.metric, Series(labels, number))])
            for t, number in spoiled_series(gate, raw)
        ]
    alive = made_up(source, ())
    return [
        Reading(t, scrape_of([*one, *pulse(source, alive, float(i))]))
        for i, (t, one) in enumerate(said)
    ], window


def pulse(source: PrometheusText, labels: Labels, beat: float) -> Said:
    """The metric that proves the exporter alive, growing, unless it is among the spoiled ones."""
    named = {source.wanted.metric, source.of.metric if source.of else ""}
    if not source.alive_metric or source.alive_metric in named:
        return []
    return [(source.alive_metric, Series(labels, beat))]


def made_up(source: PrometheusText, matchers: Iterable[Matcher]) -> Labels:
    """Labels that meet the matchers and belong to the self-test's process."""
    labels = examples(matchers)
    if labels is None:
        raise SourceFault("no value is known that these labels match")
    own = {source.version_label: SPOILED.version, source.instance_label: SPOILED.instance}
    return tuple(sorted({**labels, **own}.items()))


def histogram_at(source: PrometheusText, value: float, count: float) -> Said:
    """A histogram with all its observations just below one value."""
    labels = made_up(source, source.wanted.labels)
    bounds = ((value * (1 - 1e-9), 0.0), (value, count), (math.inf, count))
    if not value > 0:
        bounds = ((0.0, count), (1.0, count), (math.inf, count))
    metric = f"{source.wanted.metric}_bucket"
    return [(metric, Series((*labels, ("le", repr(bound))), seen)) for bound, seen in bounds]


def shares_at(source: PrometheusText, gate: Gate, share: float) -> list[tuple[float, Said]]:
    """A part and its whole, for a share of the whole or for a number of events."""
    if source.of is None:
        raise AssertionError("a share needs a whole")
    part = share if gate.statistic == "delta" else share * gate.samples.minimum * 100
    whole = max(part, gate.samples.minimum * 100.0)
    mine = made_up(source, source.wanted.labels)
    inside = source.of.metric == source.wanted.metric and all_hold(source.of.labels, dict(mine))
    other = (*made_up(source, source.of.labels), ("self_test", "other"))
    rest = whole - part if inside else whole

    def at(grown: float) -> Said:
        return [
            (source.wanted.metric, Series(mine, part * grown)),
            (str(source.of and source.of.metric), Series(other, rest * grown)),
        ]

    return [(t, at(grown)) for t, grown in growth(gate)]


def growth(gate: Gate) -> list[tuple[float, float]]:
    """When the spoiled scrapes are made, and the share of all events that each shows."""
    steps = max(1, min(gate.samples.polls, MOST_LOOKS) - 1)
    return [(gate.samples.lasting * i / steps, i / steps) for i in range(steps + 1)]


def scrape_of(said: Said) -> Scrape:
    """A scrape of these series."""
    series: dict[str, list[Series]] = {}
    for metric, one in said:
        series.setdefault(metric, []).append(one)
    return Scrape({}, series)
