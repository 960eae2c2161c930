"""How often the statistical gates call a release worse that is not, and miss one that is.

A series is autocorrelated by a first-order autoregression with the coefficient phi, its values are
heavy-tailed latencies; events come independently or in bursts. The gates judge through the same
code as on a host, what they keep of a baseline included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import signal, stats

from stagegate.gates.baseline import MEASURED, Baseline
from stagegate.gates.figures import MOST_KEPT, figure_of
from stagegate.gates.model import Counts, Gate, Measurement
from stagegate.gates.sources.counters import design_effect
from stagegate.gates.spec import read_spec
from stagegate.gates.verdict import judge

ALPHA = 0.01
STATED_FALSE_ALARMS = 0.02
"""What the guide promises of a test at ALPHA, whatever the series' autocorrelation."""
STATED_MISSES = 0.2
"""What it promises of the change that a gate must see, where it does not say unknown."""
PHIS = (0.0, 0.5, 0.8, 0.95)
SAMPLES = {0.0: 200, 0.5: 900, 0.8: 3000, 0.95: 14_000}
"""So many samples of a window that some 180 are as good as independent."""
SEEN = 50.0
INTERVALS = 30

Draw = Callable[[np.random.Generator], Measurement]


@dataclass(frozen=True)
class Rates:
    """How often each verdict was given, in so many repetitions."""

    verdicts: Counter[str]

    @property
    def times(self) -> int:
        """All repetitions."""
        return sum(self.verdicts.values())

    @property
    def red(self) -> float:
        """The share of red ones."""
        return self.verdicts["red"] / self.times

    @property
    def missed(self) -> float:
        """The share of passing ones among those that were decided."""
        passed = self.verdicts["green"] + self.verdicts["amber"]
        return passed / max(1, passed + self.verdicts["red"])

    @property
    def unknown(self) -> float:
        """The share that could not be decided."""
        return self.verdicts["unknown"] / self.times


def interval(share: float, times: int) -> str:
    """A share with its 95 % confidence interval (Clopper and Pearson)."""
    found = stats.binomtest(round(share * times), times).proportion_ci(0.95, "exact")
    return f"{share:.1%} ({found.low:.1%} to {found.high:.1%})"


def gate_of(**rule: Any) -> Gate:
    """A gate whose readings are made up here."""
    kind = "probe" if "counts" in rule else "http_json"
    raw = {
        "name": "g",
        "unit": "%" if "counts" in rule else "ms",
        "statistic": "rate" if "counts" in rule else "value",
        "source": {"kind": kind, "service": "none"},
        "samples": {"min": 1, "every": 1, "for": 5},
        **rule,
    }
    if kind == "http_json":
        raw["source"] |= {"url": "http://127.0.0.1:9/", "path": "x"}
    traffic = {"requests_per_second": 1, "urls": ["http://127.0.0.1:9/"]}
    return read_spec([raw], [], traffic).gates[0]


def latencies(phi: float, tail: str, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Milliseconds, autocorrelated: lognormal, or with a Pareto tail that has no third moment."""
    count = SAMPLES[phi]
    noise = rng.standard_normal(count + 500) * np.sqrt(1 - phi**2)
    normal = signal.lfilter([1], [1, -phi], noise)[500:]
    if tail == "lognormal":
        return np.asarray(np.exp(3 + 0.6 * normal))
    return np.asarray(20 * stats.norm.sf(normal) ** (-1 / 2.5))


def series(phi: float, tail: str, percent: float) -> Draw:
    """Measurements of a series, made slower by so many percent."""

    def draw(rng: np.random.Generator) -> Measurement:
        values = latencies(phi, tail, rng) * (1 + percent / 100)
        points = tuple((float(i), float(value)) for i, value in enumerate(values))
        return Measurement(float(values.max()), len(points), variance=1.0, samples=points)

    return draw


def events(share: float, bursts: float, total: int = 20_000) -> Draw:
    """Measurements of a share of bad events; ``bursts`` is how unevenly they come, 0 not at all."""

    def draw(rng: np.random.Generator) -> Measurement:
        each = total // INTERVALS
        level = rng.beta(share / bursts, (1 - share) / bursts, INTERVALS) if bursts else share
        parts = rng.binomial(each, level, INTERVALS)
        bad, whole = int(parts.sum()), each * INTERVALS
        effect = design_effect([float(p) for p in parts], [float(each)] * INTERVALS)
        counts = Counts(bad, whole, 100.0, effect)
        return Measurement(100 * bad / whole, whole, alive=True, counts=counts)

    return draw


def rates(gate: Gate, before: Draw, now: Draw, times: int, seed: int) -> Rates:
    """Judge so many pairs of a baseline and a window."""
    rng = np.random.default_rng(seed)
    found = Counter[str]()
    for _ in range(times):
        figure = figure_of(gate, before(rng), MOST_KEPT)
        result = judge(gate, now(rng), Baseline(MEASURED, {gate.name: figure}))
        found[result.verdict] += 1
    return Rates(found)


def naive(before: Draw, now: Draw, times: int, seed: int) -> float:
    """How often a rank test is significant that takes every sample for an independent one."""
    rng = np.random.default_rng(seed)
    significant = 0
    for _ in range(times):
        old, new = ([v for _, v in draw(rng).samples] for draw in (before, now))
        significant += stats.mannwhitneyu(new, old, alternative="greater").pvalue <= ALPHA
    return significant / times


def naive_counts(before: Draw, now: Draw, times: int, seed: int) -> float:
    """How often Fisher's test is significant that takes every event for an independent one."""
    rng = np.random.default_rng(seed)
    significant = 0
    for _ in range(times):
        old, new = (counted(draw(rng)) for draw in (before, now))
        table = [[new.part, new.total - new.part], [old.part, old.total - old.part]]
        significant += stats.fisher_exact(table, alternative="greater")[1] <= ALPHA
    return significant / times


def counted(measured: Measurement) -> Counts:
    """The counts of a measurement that has some."""
    if measured.counts is None:
        raise AssertionError("nothing was counted")
    return measured.counts


STRICT = {"to": "baseline", "max_percent": 0, "see_percent": SEEN, "alpha": ALPHA}
USUAL = {**STRICT, "max_percent": 10}
COUNTED = {"to": "baseline", "see": 1.0, "alpha": ALPHA}
BURSTS = {"independent": 0.0, "bursts": 0.004}


def lines(times: int) -> list[str]:
    """All rates, as sentences for the page of results."""
    found = []
    for seed, tail in enumerate(("lognormal", "pareto"), 1):
        for phi in PHIS:
            same, slower = series(phi, tail, 0.0), series(phi, tail, SEEN)
            alarms = rates(gate_of(ranks=STRICT), same, same, times, seed)
            missed = rates(gate_of(ranks=USUAL), same, slower, times, seed)
            found.append(
                f"rank test, {tail}, phi {phi:g}, {SAMPLES[phi]:,} samples: false alarms "
                f"{interval(alarms.red, times)}, a naive one {naive(same, same, times, seed):.1%}; "
                f"+{SEEN:g} % missed {interval(missed.missed, times)}, "
                f"unknown {missed.unknown:.1%}"
            )
    for name, bursts in BURSTS.items():
        same, worse = events(0.002, bursts), events(0.01, bursts)
        alarms = rates(gate_of(counts=COUNTED), same, same, times, 3)
        missed = rates(gate_of(counts=COUNTED), same, worse, times, 4)
        found.append(
            f"exact test, {name}, 20,000 requests: false alarms {interval(alarms.red, times)}, "
            f"a naive one {naive_counts(same, same, times, 3):.1%}; 0.2 % to 1 % missed "
            f"{interval(missed.missed, times)}, unknown {missed.unknown:.1%}"
        )
    return found
