"""Tests of counts and ranks turn red on a change, not on chance, and say when they cannot tell."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest
from scipy import stats

from stagegate.gates import inference
from stagegate.gates.baseline import MEASURED, MEASURING, Baseline, from_state
from stagegate.gates.figures import MOST_KEPT, MOST_OF_ALL, figure_of, read_figures
from stagegate.gates.model import Counts, Measurement
from stagegate.gates.rules import Figure
from stagegate.gates.selftest import prove
from stagegate.gates.sources.counters import design_effect
from stagegate.gates.verdict import Result, judge
from tests.bench import rates
from tests.unit.gates.helpers import gate, read_one, spec_of

LOG = {"kind": "log", "path": "/log", "match": {"level": "error"}, "scale": 100}
JSON = {"kind": "http_json", "url": "http://127.0.0.1:9/", "path": "x", "service": "none"}
SURE = 1e-3
"""How unlikely a result of the simulation must be before it contradicts what is promised."""


def counting(now: Counts, before: Counts | None, **rule: Any) -> Result:
    raw = gate(LOG, unit="%", statistic="rate", samples={"min": 1, "for": 1})
    direction = rule.pop("direction", "at_most")
    judged = read_one({**raw, "direction": direction, "counts": {"see": 1, **rule}})
    figures = {"g": Figure(0.1, 20, counts=before)} if before else {}
    measured = Measurement(100 * now.part / now.total, now.total, alive=True, counts=now)
    return judge(judged, measured, Baseline(MEASURED, figures))


BASE = {"to": "baseline"}


@pytest.mark.parametrize(
    ("now", "before", "rule", "verdict"),
    [
        (Counts(10, 10_000), Counts(10, 10_000), BASE, "green"),
        (Counts(60, 10_000), Counts(10, 10_000), BASE, "red"),
        (Counts(0, 10_000), Counts(0, 10_000), BASE, "green"),
        (Counts(0, 100), Counts(0, 10_000), BASE, "unknown"),  # 1 % would show as one error
        (Counts(0, 10_000), Counts(0, 100), BASE, "unknown"),  # nothing is known of before
        (Counts(2, 2), Counts(0, 10_000), BASE, "red"),  # two of two are enough for red
        (Counts(25, 10_000), Counts(10, 10_000), BASE, "red"),
        (Counts(22, 10_000), Counts(10, 10_000), {**BASE, "target_alpha": 0.05}, "amber"),
        (Counts(22, 10_000), Counts(10, 10_000), BASE, "green"),
        (Counts(10, 10_000), None, {"rate": 0.1}, "green"),
        (Counts(25, 10_000), None, {"rate": 0.1}, "red"),
        (Counts(0, 200), None, {"rate": 0.1}, "unknown"),
        (Counts(10, 10_000), None, BASE, "unknown"),
        # 600 errors in one of ten bursts are worth a few: what they mean cannot be told
        (Counts(60, 10_000, effect=50.0), Counts(10, 10_000), BASE, "unknown"),
        (Counts(9990, 10_000), Counts(9990, 10_000), {**BASE, "see": 99, "up": 1}, "green"),
        (Counts(9940, 10_000), Counts(9990, 10_000), {**BASE, "see": 99, "up": 1}, "red"),
        (Counts(9940, 10_000), None, {"rate": 99.9, "see": 99, "up": 1}, "red"),
    ],
)
def test_counts_are_compared_exactly(
    now: Counts, before: Counts | None, rule: dict[str, Any], verdict: str
) -> None:
    scaled = Counts(now.part, now.total, 100.0, now.effect)
    more = {"direction": "at_least"} if rule.get("up") else {}
    asked = {key: value for key, value in rule.items() if key != "up"}
    result = counting(scaled, before, **asked, **more)
    assert result.verdict == verdict, result.reason


def test_what_a_test_of_counts_could_have_seen_is_stated() -> None:
    reason = counting(Counts(0, 100, 100.0), Counts(0, 10_000), **BASE).reason
    assert reason.startswith("0 of 100 against 0 of 10000 before: p = 1; 1 % would be seen with ")
    assert reason.endswith(" only, 80% is wanted")


@pytest.mark.parametrize(("total", "see"), [(1000, 0.01), (5000, 0.004)])
def test_the_power_is_what_it_is_found_to_be(total: int, see: float) -> None:
    def test(bad: int) -> float:
        return inference.binomial(bad, total, 0.001)

    stated = inference.count_power(test, total, see, 0.01)
    drawn = np.random.default_rng(7).binomial(total, see, 400)
    found = sum(test(int(bad)) <= 0.01 for bad in drawn)
    assert stats.binomtest(found, 400, stated).pvalue > SURE


def test_bursts_are_told_from_independent_events() -> None:
    totals = [1000.0] * 20
    even = [float(n) for n in np.random.default_rng(1).binomial(1000, 0.01, 20)]
    assert design_effect(even, totals) < 2
    assert design_effect([200.0] + [0.0] * 19, totals) > 100
    assert design_effect([0.0] * 20, totals) == design_effect([], []) == 1.0


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8, 0.95])
def test_the_integrated_time_is_that_of_the_process(phi: float) -> None:
    """For a first-order autoregression it is (1 + phi) / (1 - phi); ranks know a little less."""
    rng = np.random.default_rng(3)
    found = [inference.integrated_time(rates.latencies(phi, "lognormal", rng)) for _ in range(12)]
    true = (1 + phi) / (1 - phi)
    assert 0.8 * true - 0.1 < sum(found) / 12 < 1.15 * true + 0.15


def test_samples_that_are_kept_are_nearly_independent() -> None:
    values = rates.latencies(0.95, "lognormal", np.random.default_rng(4))
    kept = stats.rankdata(inference.independent(list(values)))
    assert 100 < len(kept) < 350
    assert abs(np.corrcoef(kept[1:], kept[:-1])[0, 1]) < 0.2
    assert inference.independent([7.0] * 20) == [7.0] * 20


def ranking(now: Any, before: Any, constant: bool = False, **rule: Any) -> Result:
    direction = rule.pop("direction", "at_most")
    ranks = {"to": "baseline", "max_percent": 10, "see_percent": 50, **rule}
    raw = gate(JSON, unit="ms", samples={"min": 1, "for": 1}, ranks=ranks)
    judged = read_one({**raw, "direction": direction, "constant": constant})
    first, second = (measured(values) for values in (before, now))
    figure = figure_of(judged, first, MOST_KEPT)
    return judge(judged, second, Baseline(MEASURED, {"g": figure}))


def measured(values: Any) -> Measurement:
    points = tuple((float(i), float(value)) for i, value in enumerate(values))
    return Measurement(max(v for _, v in points), len(points), variance=1.0, samples=points)


def drawn(seed: int, count: int = 300, factor: float = 1.0) -> list[float]:
    return list(np.random.default_rng(seed).lognormal(3, 0.5, count) * factor)


@pytest.mark.parametrize(
    ("now", "before", "rule", "verdict"),
    [
        (drawn(1), drawn(2), {}, "green"),
        (drawn(1, factor=1.5), drawn(2), {}, "red"),
        (drawn(1, factor=1.3), drawn(2), {"max_percent": 20, "target_percent": 0}, "amber"),
        (drawn(1, 49), drawn(2), {}, "unknown"),
        (drawn(1), drawn(2, 49), {}, "unknown"),
        (drawn(1, 60), drawn(2), {"see_percent": 15}, "unknown"),
        (drawn(1, 60), drawn(2), {"see_percent": 15, "power": 0.01}, "green"),
        (drawn(1, factor=0.5), drawn(2), {}, "green"),
        (drawn(1, factor=0.5), drawn(2), {"direction": "at_least"}, "red"),
        (drawn(1, factor=1.5), drawn(2), {"direction": "at_least"}, "green"),
        ([20.0] * 300, drawn(2), {}, "unknown"),
        ([20.0] * 300, drawn(2), {"constant": True}, "green"),
        ([20.0] * 300, [20.0] * 300, {}, "unknown"),
        ([500.0] * 300, drawn(2), {}, "red"),
        (drawn(1), [-1.0, *drawn(2)], {}, "unknown"),
        (drawn(1), [0.0] * 300, {}, "red"),
    ],
)
def test_series_are_compared_by_rank(
    now: list[float], before: list[float], rule: dict[str, Any], verdict: str
) -> None:
    result = ranking(now, before, **rule)
    assert result.verdict == verdict, result.reason


def test_autocorrelated_samples_are_worth_fewer() -> None:
    values = rates.latencies(0.95, "lognormal", np.random.default_rng(4))[:1000]
    result = ranking(values, drawn(2))
    assert result.verdict == "unknown"
    assert result.reason.startswith("1000 samples are worth ")
    assert result.reason.endswith("of at least 50 independent ones")


@pytest.mark.parametrize("phi", [0.0, 0.8])
@pytest.mark.parametrize("tail", ["lognormal", "pareto"])
def test_false_alarms_and_misses_are_as_stated(phi: float, tail: str) -> None:
    """The same simulation as the benchmark's, with fewer repetitions and one seed."""
    same, slower = (rates.series(phi, tail, percent) for percent in (0.0, rates.SEEN))
    alarms = rates.rates(rates.gate_of(ranks=rates.STRICT), same, same, 120, 11)
    misses = rates.rates(rates.gate_of(ranks=rates.USUAL), same, slower, 60, 12)
    assert at_most(alarms.red, alarms.times, rates.STATED_FALSE_ALARMS)
    assert at_most(misses.missed, misses.times, rates.STATED_MISSES)
    assert misses.red > 0.6
    assert alarms.unknown < 0.2
    if phi:  # the simulation does show what it is about
        assert rates.naive(same, same, 120, 11) > 0.1


@pytest.mark.parametrize("bursts", rates.BURSTS.values(), ids=rates.BURSTS)
def test_false_alarms_and_misses_of_counts_are_as_stated(bursts: float) -> None:
    same, worse = rates.events(0.002, bursts), rates.events(0.01, bursts)
    alarms = rates.rates(rates.gate_of(counts=rates.COUNTED), same, same, 150, 13)
    misses = rates.rates(rates.gate_of(counts=rates.COUNTED), same, worse, 60, 14)
    assert at_most(alarms.red, alarms.times, rates.STATED_FALSE_ALARMS)
    assert at_most(misses.missed, misses.times, rates.STATED_MISSES)
    assert misses.red > 0.6
    if bursts:
        assert rates.naive_counts(same, same, 150, 13) > 0.05


def at_most(share: float, times: int, stated: float) -> bool:
    """False when so large a share contradicts what is stated."""
    return float(stats.binomtest(round(share * times), times, stated, "greater").pvalue) > SURE


def test_without_the_library_such_a_gate_is_refused_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ranks = {"to": "baseline", "max_percent": 10, "see_percent": 50}
    tests = [
        gate(JSON, unit="ms", ranks=ranks),
        gate(LOG, unit="%", statistic="rate", counts={"rate": 0.1, "see": 1}, name="h"),
        gate(JSON, unit="ms", limit=100, name="i"),
    ]
    gates = spec_of(*tests).gates
    assert [prove(one) for one in gates] == [[], [], []]
    monkeypatch.setitem(sys.modules, "scipy", None)
    told = [prove(one) for one in gates]
    assert "install them: apt install python3-scipy" in told[0][0]
    assert "install them: apt install python3-scipy" in told[1][0]
    assert told[2] == []


def test_a_baseline_keeps_what_the_tests_need_and_stays_small() -> None:
    ranks = {"to": "baseline", "max_percent": 10, "see_percent": 50}
    judged = [read_one(gate(JSON, unit="ms", ranks=ranks, name=f"g{i}")) for i in range(50)]
    values = measured(np.random.default_rng(5).lognormal(3, 0.5, 2000))
    figures = read_figures([(one, values) for one in judged], 0.0)
    kept = [len(figure.kept) for figure in figures.values()]
    assert sum(kept) <= MOST_OF_ALL
    assert min(kept) >= 100
    baseline = Baseline(MEASURED, {"g": Figure(1.0, 5, None, Counts(1, 2, 100.0), (1.0, 2.0))})
    assert from_state(baseline.to_state()) == baseline


def test_tests_against_the_baseline_are_green_while_it_is_measured() -> None:
    raw = gate(JSON, unit="ms", ranks={"to": "baseline", "max_percent": 10, "see_percent": 50})
    result = judge(read_one(raw), measured(drawn(1)), Baseline(MEASURING))
    assert (result.verdict, "is the baseline" in result.reason) == ("green", True)
    assert not math.isnan(result.measured.value or math.nan)
