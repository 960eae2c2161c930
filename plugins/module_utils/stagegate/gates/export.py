"""The baseline as metrics, so that alert rules can be written against it."""

from __future__ import annotations

from pathlib import Path

from ..files import make_private_dir, write_atomic
from ..journal import Run
from .baseline import Baseline
from .model import Gate
from .prometheus_text import render

FILE = "stagegate_baseline.prom"


def baseline_text(run: Run, baseline: Baseline, gates: tuple[Gate, ...], now: float) -> str:
    """The textfile: one gauge with a series for each gate, and when it was measured."""
    units = {gate.name: gate.unit for gate in gates}
    about = {"system": run.system, "version": baseline.version}
    values = [
        ({**about, "gate": name, "unit": units[name]}, figure.value)
        for name, figure in baseline.figures.items()
    ]
    text = render(
        "stagegate_baseline_timestamp_seconds", "When the baseline was measured.", [(about, now)]
    )
    if values:
        help_text = "What a gate was on the running release before the last deployment."
        text += render("stagegate_baseline", help_text, values)
    return text


def run_export(run: Run, text: str) -> Path:
    """Replace the textfile that node_exporter's textfile collector reads."""
    directory = run.state / "metrics"
    make_private_dir(directory, 0o755)
    write_atomic(directory / FILE, text.encode(), 0o644)
    return directory / FILE
