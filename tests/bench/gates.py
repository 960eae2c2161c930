"""Evaluations over long series beside a bare comparison; how often statistical gates are wrong."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from stagegate.gates.baseline import MEASURED, Baseline
from stagegate.gates.evaluate import judge_one
from stagegate.gates.evaluate import measure as measure_gate
from stagegate.gates.model import Gate, Reading, Window
from stagegate.gates.rules import Figure
from stagegate.gates.spec import read_spec
from tests.bench import rates
from tests.bench.model import Outcome, Row, Sample
from tests.bench.timing import interleaved, median_wall

EVALUATIONS = 10_000
RUNS = 5
TURN = EVALUATIONS // RUNS
SAMPLES = 1_000
SERIES = 20
REPETITIONS = 200
"""Simulated releases behind each rate of false alarms and misses."""
LASTING = 300.0
GATE = {
    "name": "p99",
    "unit": "ms",
    "statistic": "p99",
    "target": 50,
    "limit": 100,
    "source": {"kind": "sql", "path": "/nowhere", "query": "SELECT 1"},
    "samples": {"min": 30, "every": LASTING / (SAMPLES - 1), "for": LASTING},
}


def measure(sizes: Sequence[int]) -> Outcome:
    """Measure the evaluation of series that were read already; databases have no part in it.

    All evaluations are made, in turns of equal length, and the median turn stands for each.
    """
    series = [latencies(seed) for seed in range(SERIES)]
    taken = interleaved({"ours": lambda: ours(series), "bare": lambda: bare(series)}, RUNS)
    what = f"{EVALUATIONS:,} gate evaluations, {SAMPLES:,} samples each"
    ours_wall, bare_wall = (median_wall(taken[name]) * RUNS for name in ("ours", "bare"))
    row = Row(what, "s", ours_wall, bare_wall, "a bare sort and comparison in Python", RUNS)
    return Outcome([row], rates.lines(REPETITIONS))


def latencies(seed: int) -> list[float]:
    """Milliseconds as a service has them: most are short, some are not."""
    rng = random.Random(seed)
    return [rng.lognormvariate(2.0, 0.6) for _ in range(SAMPLES)]


def ours(series: Sequence[Sequence[float]]) -> Sample:
    """Measure and judge: every sample checked, quantile, variance, limits, and the baseline."""
    gate = read_spec([GATE], [], None).gates[0]
    window = Window(0.0, LASTING)
    baseline = Baseline(MEASURED, {"p99": Figure(30.0, SAMPLES, 1.0)})
    step = gate.samples.every
    readings = [[Reading(i * step, v, due=i * step) for i, v in enumerate(s)] for s in series]
    keyed = [{gate.source.reader(gate.samples).key: one} for one in readings]
    begin = time.perf_counter()
    for number in range(TURN):
        evaluate_once(gate, keyed[number % SERIES], window, baseline)
    return Sample(time.perf_counter() - begin)


def evaluate_once(
    gate: Gate, readings: dict[tuple[object, ...], list[Reading]], window: Window, base: Baseline
) -> None:
    """One evaluation; raises AssertionError when nothing was judged."""
    result = judge_one(gate, measure_gate(gate, readings, window), base)
    if result.measured.count != SAMPLES or result.verdict == "unknown":
        raise AssertionError(result.reason)


def bare(series: Sequence[Sequence[float]]) -> Sample:
    """The least that a p99 limit takes, with no care for what a sample is."""
    begin, red = time.perf_counter(), 0
    for number in range(TURN):
        values = sorted(series[number % SERIES])
        red += values[int(SAMPLES * 0.99)] > 100
    return Sample(time.perf_counter() - begin)
