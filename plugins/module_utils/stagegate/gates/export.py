"""The baseline as metrics, so that alert rules can be written against it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..files import make_private_dir, write_atomic
from ..journal import Run
from .baseline import Baseline
from .model import Gate
from .prometheus_text import render
from .rules import Figure
from .rules_relative import SAME_HOUR, reference

FILE = "stagegate_baseline.prom"

METRICS: dict[str, tuple[str, Callable[[Figure], float | None]]] = {
    "stagegate_baseline": (
        "What a gate was on the running release before the last deployment.",
        lambda figure: figure.value,
    ),
    "stagegate_baseline_count": (
        "How many samples or events the baseline of a gate stands on.",
        lambda figure: float(figure.count),
    ),
    "stagegate_baseline_variance": (
        "The variance of the samples behind the baseline of a gate.",
        lambda figure: figure.variance,
    ),
    "stagegate_baseline_same_hour": (
        "The median of a gate at the same hour of earlier days.",
        lambda figure: reference(SAME_HOUR, figure)[0],
    ),
}


def baseline_text(run: Run, baseline: Baseline, gates: tuple[Gate, ...], now: float) -> str:
    """The textfile: gauges with a series for each gate, and when they were measured."""
    units = {gate.name: gate.unit for gate in gates}
    about = {"system": run.system, "version": baseline.version}
    labels = {name: {**about, "gate": name, "unit": units[name]} for name in baseline.figures}
    text = render(
        "stagegate_baseline_timestamp_seconds", "When the baseline was measured.", [(about, now)]
    )
    for metric, (help_text, read) in METRICS.items():
        read_all = [(labels[name], read(figure)) for name, figure in baseline.figures.items()]
        series = [(who, value) for who, value in read_all if value is not None]
        text += render(metric, help_text, series) if series else ""
    return text


def run_export(run: Run, text: str) -> Path:
    """Replace the textfile that node_exporter's textfile collector reads."""
    directory = run.state / "metrics"
    make_private_dir(directory, 0o755)
    write_atomic(directory / FILE, text.encode(), 0o644)
    return directory / FILE
