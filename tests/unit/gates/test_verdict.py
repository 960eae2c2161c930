"""Green and amber are for what is known to be good; everything else stops."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stagegate.gates.baseline import ABSENT, MEASURED, MEASURING, MISSING, Baseline, from_state
from stagegate.gates.model import Mark, Measurement, Reading, Window
from stagegate.gates.rules import Figure
from stagegate.gates.verdict import PASSING, judge, overall
from tests.unit.gates.helpers import gate, read_one

SQL = {"kind": "sql", "path": "/nowhere", "query": "SELECT 1"}
FINITE = st.floats(allow_nan=False, allow_infinity=False)
NOT_FINITE = st.sampled_from([math.nan, math.inf, -math.inf])


def verdict_of(actual: float, base: float | None = None, **rule: Any) -> str:
    judged = read_one(gate(SQL, samples=None, **{"unit": "ms", **rule}))
    figures = {} if base is None else {"g": Figure(base, 20, 1.0)}
    baseline = Baseline(ABSENT if base is None else MEASURED, figures)
    return judge(judged, Measurement(actual, 20, variance=1.0), baseline).verdict


@pytest.mark.parametrize(
    ("rule", "actual", "verdict"),
    [
        ({"limit": 100}, 100, "green"),
        ({"limit": 100}, 100.001, "red"),
        ({"target": 50, "limit": 100}, 50, "green"),
        ({"target": 50, "limit": 100}, 50.001, "amber"),
        ({"target": 50, "limit": 100}, 100, "amber"),
        ({"target": 50, "limit": 100}, 101, "red"),
        # D-15: a hit rate of 85 % is green, amber down to 50 %, red below
        ({"direction": "at_least", "target": 85, "limit": 50, "unit": "%"}, 85, "green"),
        ({"direction": "at_least", "target": 85, "limit": 50, "unit": "%"}, 84.9, "amber"),
        ({"direction": "at_least", "target": 85, "limit": 50, "unit": "%"}, 50, "amber"),
        ({"direction": "at_least", "target": 85, "limit": 50, "unit": "%"}, 49.9, "red"),
        ({"equals": 33}, 33, "green"),
        ({"equals": 33}, 32, "red"),
        ({"equals": 0}, -0.0, "green"),
        ({"range": [2, 10]}, 2, "green"),
        ({"range": [2, 10]}, 10, "green"),
        ({"range": [2, 10]}, 1.9, "red"),
        ({"range": [2, 10]}, 10.1, "red"),
        ({"range": [2, 10], "target_range": [3, 8]}, 8, "green"),
        ({"range": [2, 10], "target_range": [3, 8]}, 8.1, "amber"),
        ({"range": [2, 10], "target_range": [3, 8]}, 10.1, "red"),
        ({"limit": 100, "severity": "must"}, 101, "red"),
        ({"limit": 100, "severity": "should"}, 101, "amber"),
        ({"limit": 100, "severity": "nice"}, 101, "amber"),
        ({"limit": 100, "severity": "nice"}, 99, "green"),
    ],
)
def test_limits_by_table(rule: dict[str, Any], actual: float, verdict: str) -> None:
    assert verdict_of(actual, **rule) == verdict


@pytest.mark.parametrize(
    ("relative", "more", "base", "actual", "verdict"),
    [
        ({"max_factor": 3}, {}, 10, 30, "green"),
        ({"max_factor": 3}, {}, 10, 30.1, "red"),
        ({"target_factor": 2, "max_factor": 3}, {}, 10, 25, "amber"),
        ({"max_factor": 3, "ignore_below": 50}, {}, 1, 50, "green"),
        ({"max_factor": 3, "ignore_below": 50}, {}, 1, 51, "red"),
        ({"max_percent": 20}, {}, 100, 120, "green"),
        ({"max_percent": 20}, {}, 100, 121, "red"),
        ({"max_percent": 5}, {"direction": "at_least"}, 100, 95, "green"),
        ({"max_percent": 5}, {"direction": "at_least"}, 100, 94.9, "red"),
        ({"max_factor": 2}, {"direction": "at_least"}, 100, 50, "green"),
        ({"max_factor": 2}, {"direction": "at_least"}, 100, 49, "red"),
        # D-13: 0.1 points more is not 0.1 percent more
        ({"max_points": 0.1}, {"unit": "%"}, 0.05, 0.15, "green"),
        ({"max_points": 0.1}, {"unit": "%"}, 0.05, 0.1501, "red"),
        ({"max_percent": 0.1}, {"unit": "%"}, 0.05, 0.15, "red"),
        ({"max_points": 0.1}, {"unit": "%"}, 0.0, 0.1, "green"),
        ({"max_points": 1}, {"unit": "%", "direction": "at_least"}, 99, 98, "green"),
        ({"max_points": 1}, {"unit": "%", "direction": "at_least"}, 99, 97.9, "red"),
        ({"max_factor": 3}, {}, 0, 0, "green"),
        ({"max_factor": 3}, {}, 0, 0.001, "red"),
        ({"max_factor": 3}, {}, -5, -20, "unknown"),
        ({"max_factor": 3}, {}, 1e308, 5, "unknown"),
        ({"max_factor": 3}, {"limit": 100}, 10, 90, "red"),
        ({"max_factor": 30}, {"limit": 100}, 10, 110, "red"),
        ({"max_factor": 30}, {"target": 50, "limit": 100}, 10, 60, "amber"),
        # 3 to 5 times the throughput: less is red, more only unexpected
        ({"range_factor": [3, None], "target_range": [3, 5]}, {}, 10, 29, "red"),
        ({"range_factor": [3, None], "target_range": [3, 5]}, {}, 10, 30, "green"),
        ({"range_factor": [3, None], "target_range": [3, 5]}, {}, 10, 51, "amber"),
        # 40 to 60 % fewer tokens
        ({"range_percent": [-60, -40]}, {}, 1000, 401, "green"),
        ({"range_percent": [-60, -40]}, {}, 1000, 399, "red"),
        ({"range_percent": [-60, -40]}, {}, 1000, 601, "red"),
        # D-14: at least 90 % less is green, 70 to 90 % amber, below red
        ({"range_percent": [None, -70], "target_range": [None, -90]}, {}, 100, 10, "green"),
        ({"range_percent": [None, -70], "target_range": [None, -90]}, {}, 100, 11, "amber"),
        ({"range_percent": [None, -70], "target_range": [None, -90]}, {}, 100, 31, "red"),
        ({"range_points": [-1, 1]}, {"unit": "%"}, 50, 51, "green"),
        ({"range_points": [-1, 1]}, {"unit": "%"}, 50, 51.1, "red"),
        ({"range_points": [-1, 1]}, {"unit": "%"}, 0, 0.5, "green"),
        ({"range_factor": [3, 5]}, {}, 0, 0, "unknown"),
        ({"range_percent": [-60, -40]}, {}, -5, -2, "unknown"),
        ({"range_factor": [3, 5]}, {}, 1e308, 5, "unknown"),
    ],
)
def test_comparisons_by_table(
    relative: dict[str, Any], more: dict[str, Any], base: float, actual: float, verdict: str
) -> None:
    assert verdict_of(actual, base, relative={"to": "baseline", **relative}, **more) == verdict


def test_without_a_former_release_only_absolute_rules_are_asked() -> None:
    raw = gate(SQL, samples=None, limit=100, relative={"to": "baseline", "max_factor": 2})
    judged = read_one(raw)
    result = judge(judged, Measurement(50.0, 20), Baseline(ABSENT))
    assert result.verdict == "green"
    assert "no baseline: absolute only" in result.reason
    assert judge(judged, Measurement(101.0, 20), Baseline(ABSENT)).verdict == "red"


def test_a_baseline_that_was_not_recorded_is_unknown() -> None:
    judged = read_one(gate(SQL, samples=None, relative={"to": "baseline", "max_factor": 2}))
    for baseline in (Baseline(MISSING), Baseline(MEASURED), from_state(None)):
        assert judge(judged, Measurement(5.0, 20), baseline).verdict == "unknown"
    assert judge(judged, Measurement(5.0, 20), Baseline(MEASURING)).verdict == "green"


def test_two_dead_exporters_are_not_equally_good() -> None:
    raw = gate(SQL, samples=None, relative={"to": "baseline", "max_factor": 2})
    same = Baseline(MEASURED, {"g": Figure(5.0, 20, 0.0)})
    dead = Measurement(5.0, 20, variance=0.0)
    assert judge(read_one(raw), dead, same).verdict == "unknown"
    assert judge(read_one({**raw, "constant": True}), dead, same).verdict == "green"
    alive = Measurement(5.0, 20, variance=0.0, alive=True)
    assert judge(read_one(raw), alive, same).verdict == "green"
    other = Measurement(5.1, 20, variance=0.0)
    assert judge(read_one(raw), other, same).verdict == "green"


@pytest.mark.parametrize(
    ("actual", "verdict"), [(50.0, "unknown"), (100.0, "unknown"), (100.1, "red")]
)
def test_a_floor_can_break_a_limit_but_never_keep_it(actual: float, verdict: str) -> None:
    judged = read_one(gate(SQL, samples=None, limit=100))
    assert judge(judged, Measurement(actual, 20, floor=True), Baseline(ABSENT)).verdict == verdict


def test_the_minimum_of_samples_is_kept() -> None:
    judged = read_one(gate(SQL, samples={"min": 5, "every": 0.1, "for": 1}, limit=100))
    assert judge(judged, Measurement(1.0, 4), Baseline(ABSENT)).verdict == "unknown"
    assert judge(judged, Measurement(1.0, 5), Baseline(ABSENT)).verdict == "green"


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], "unknown"),
        (["green"], "green"),
        (["green", "amber"], "amber"),
        (["amber", "unknown"], "unknown"),
        (["unknown", "red", "green"], "red"),
    ],
)
def test_the_gravest_verdict_is_that_of_all(verdicts: list[str], expected: str) -> None:
    assert overall(verdicts) == expected


rules = st.one_of(
    st.builds(lambda a, b: {"target": min(a, b), "limit": max(a, b)}, FINITE, FINITE),
    st.builds(
        lambda a, b: {"direction": "at_least", "target": max(a, b), "limit": min(a, b)},
        FINITE,
        FINITE,
    ),
    st.builds(lambda a: {"equals": a}, FINITE),
    st.builds(lambda a, b: {"range": [min(a, b), max(a, b)]}, FINITE, FINITE),
    st.builds(
        lambda how, a: {"relative": {"to": "baseline", f"max_{how}": a}, "unit": "%"},
        st.sampled_from(["factor", "percent", "points"]),
        st.floats(1, 1e300),
    ),
)


@given(rules, NOT_FINITE, st.one_of(st.none(), FINITE, NOT_FINITE), st.booleans())
def test_no_value_that_is_not_finite_ever_passes(
    rule: dict[str, Any], actual: float, base: float | None, floor: bool
) -> None:
    judged = read_one(gate(SQL, samples=None, **{"unit": "ms", **rule}))
    for baseline in baselines(base):
        assert judge(judged, Measurement(actual, 10**9, floor=floor), baseline).verdict == "unknown"


@given(rules, FINITE, NOT_FINITE)
def test_no_baseline_that_is_not_finite_lets_a_comparison_pass(
    rule: dict[str, Any], actual: float, base: float
) -> None:
    judged = read_one(gate(SQL, samples=None, **{"unit": "ms", **rule}))
    baseline = Baseline(MEASURED, {"g": Figure(base, 20, None)})
    result = judge(judged, Measurement(actual, 20), baseline)
    assert result.verdict not in PASSING or not judged.relative


def baselines(base: float | None) -> list[Baseline]:
    known = {} if base is None else {"g": Figure(base, 20, None)}
    return [Baseline(state, known) for state in (MEASURED, ABSENT, MISSING, MEASURING)]


@given(FINITE, FINITE, FINITE)
def test_a_finite_value_is_judged_as_arithmetic_says(actual: float, a: float, b: float) -> None:
    target, limit = min(a, b), max(a, b)
    expected = "green" if actual <= target else "amber" if actual <= limit else "red"
    assert verdict_of(actual, target=target, limit=limit) == expected


raw_values = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=3),
    st.integers(),
    st.floats(),
    st.lists(st.integers(), max_size=2),
    st.just(10**400),
)


@given(st.lists(raw_values, max_size=12), st.integers(1, 5))
@example([1, 2, 10**400], 2)
@example([1, math.nan, -1, 101.0], 2)
def test_a_gate_passes_only_on_enough_finite_samples(values: list[Any], minimum: int) -> None:
    source = {"kind": "http_json", "url": "http://127.0.0.1:9/", "path": "x", "service": "none"}
    raw = gate(source, limit=100, samples={"min": minimum, "every": 0.1, "for": 1})
    judged = read_one(raw)
    readings = [Reading(i / 10, {"x": value}) for i, value in enumerate(values)]
    measured = judged.source.measure(judged, readings, Window(0.0, 1.0))
    result = judge(judged, measured, Baseline(ABSENT))
    good = [v for v in values if type(v) in (int, float) and 0 <= v <= sys.float_info.max]
    if result.verdict in PASSING:
        assert len(good) >= minimum
        assert max(good) <= 100
    else:
        assert len(good) < minimum or max(good) > 100


def test_a_baseline_survives_the_ledger() -> None:
    marks = {"/log": Mark(7, 100, "abc"), "/new": Mark(None, 0, "")}
    baseline = Baseline(MEASURED, {"g": Figure(1.5, 20, None)}, marks, "1.0")
    assert from_state(baseline.to_state()) == baseline
