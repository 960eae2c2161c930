"""What of a measurement is kept as the baseline, small enough for one line of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .inference import independent
from .model import Gate, Measurement
from .rules import Figure
from .rules_tests import RankTest
from .samples import significant
from .sources.prometheus_server import Prometheus

MOST_KEPT = 400
"""Samples kept for a rank test: with more on one side its power hardly grows."""
MOST_OF_ALL = 8000
"""Samples that all figures of a host keep together, some 80 KiB of the ledger's longest line."""


def read_figures(measured: Sequence[tuple[Gate, Measurement]], now: float) -> dict[str, Figure]:
    """The figures of the running release, with the same hour of earlier days where it is asked."""
    ranked = sum(is_ranked(gate) for gate, _ in measured)
    most = min(MOST_KEPT, MOST_OF_ALL // max(1, ranked))
    return {
        gate.name: with_history(gate, figure_of(gate, one, most), now)
        for gate, one in measured
        if one.value is not None
    }


def figure_of(gate: Gate, measured: Measurement, most: int) -> Figure:
    """One figure; for a rank test with at most so many samples that are as good as independent."""
    if measured.value is None:
        raise AssertionError("a figure needs a value")
    kept = independent([value for _, value in measured.samples]) if is_ranked(gate) else []
    step = max(1.0, len(kept) / most)
    return Figure(
        value=measured.value,
        count=measured.count,
        variance=measured.variance,
        counts=measured.counts,
        kept=tuple(significant(kept[int(i * step)]) for i in range(min(len(kept), most))),
    )


def is_ranked(gate: Gate) -> bool:
    """True when a rule of the gate is a rank test."""
    return any(isinstance(rule, RankTest) for rule in gate.rules)


def with_history(gate: Gate, figure: Figure, now: float) -> Figure:
    """The figure with its history, where the source knows one."""
    if not isinstance(gate.source, Prometheus) or not gate.source.history_days:
        return figure
    return replace(figure, history=gate.source.read_history(gate, now))
