"""Rules over time: a breach that lasts, breaches in a row, and what must be true by a deadline."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegate.gates.baseline import ABSENT, Baseline
from stagegate.gates.model import Measurement
from stagegate.gates.verdict import judge
from tests.unit.gates.helpers import gate, read_one

GAUGE = {"kind": "http_json", "url": "http://127.0.0.1:9/", "path": "x", "service": "none"}
EVERY = 10.0
DAY = 86400.0


def verdict_of(
    values: str, lasting: float | None = None, start: float = 0.0, **rule: Any
) -> tuple[str, str]:
    """Judge a series of letters, one every 10 s: g 50, a 150, r 250, and a hole for every blank."""
    known = {"g": 50.0, "a": 150.0, "r": 250.0}
    points = tuple(
        (start + EVERY * i, known[letter]) for i, letter in enumerate(values) if letter != " "
    )
    whole = EVERY * (len(values) - 1) if lasting is None else lasting
    raw = gate(GAUGE, unit="ms", samples={"min": 1, "every": EVERY, "for": whole}, **rule)
    judged = read_one(raw)
    worst = max((value for _, value in points), default=math.nan)
    measured = Measurement(worst, len(points), variance=1.0, samples=points)
    result = judge(judged, measured, Baseline(ABSENT))
    return result.verdict, result.reason


LIMIT = {"limit": 200, "for": "30s"}
BOTH = {**LIMIT, "target": 100, "target_for": "60s"}


@pytest.mark.parametrize(
    ("values", "rule", "verdict"),
    [
        ("gggggggggg", LIMIT, "green"),
        ("gggrrrgggg", LIMIT, "green"),  # 20 s only
        ("gggrrrrggg", LIMIT, "red"),
        ("rrrrgggggg", LIMIT, "red"),
        ("ggggggrrrr", LIMIT, "red"),
        ("rrrgrrrgrr", LIMIT, "amber"),  # never 30 s, but broken when the window ends
        ("gggggggggr", LIMIT, "amber"),
        ("gggr rrggg", LIMIT, "red"),  # one missed look is no hole yet
        ("gggr   rgg", LIMIT, "unknown"),
        ("gggg   ggg", LIMIT, "unknown"),
        ("   ggggggg", LIMIT, "unknown"),
        ("ggggggg   ", LIMIT, "unknown"),
        ("g    grrrr", LIMIT, "red"),  # what was seen is enough for red
        ("ggg", LIMIT, "green"),  # shorter than the breach, and nothing broken
        ("ggr", LIMIT, "unknown"),  # shorter, and how it would go on is not known
        ("gaaaaaaagg", BOTH, "amber"),
        ("gaaaaaaggg", BOTH, "green"),
        ("aaaarrrraa", BOTH, "red"),
        ("aaaarrraaa", BOTH, "amber"),  # above the target all the time
        ("aaarrrgggg", BOTH, "green"),
    ],
)
def test_a_breach_counts_when_it_lasts(values: str, rule: dict[str, Any], verdict: str) -> None:
    found = verdict_of(values, sustained=rule)
    assert found[0] == verdict, found[1]


@pytest.mark.parametrize(
    ("values", "rule", "verdict"),
    [
        ("ggrggrggrg", {"limit": 200, "samples": 2}, "green"),
        ("ggrrgggggg", {"limit": 200, "samples": 2}, "red"),
        ("gggggggggr", {"limit": 200, "samples": 2}, "amber"),
        ("gr", {"limit": 200, "samples": 3}, "unknown"),
        ("ggrr gggggg", {"limit": 200, "samples": 2}, "red"),
        ("ggr   rgggg", {"limit": 200, "samples": 2}, "unknown"),
        ("gaaggggggg", {"limit": 200, "samples": 3, "target": 100, "target_samples": 2}, "amber"),
        ("gagaggaggg", {"limit": 200, "samples": 3, "target": 100, "target_samples": 2}, "green"),
    ],
)
def test_bad_samples_count_in_a_row(values: str, rule: dict[str, Any], verdict: str) -> None:
    found = verdict_of(values, consecutive=rule)
    assert found[0] == verdict, found[1]


def test_a_floor_is_a_breach_where_more_is_better() -> None:
    rule = {"direction": "at_least", "sustained": {"limit": 100, "for": "30s"}}
    assert verdict_of("rrrggggrrr", **rule)[0] == "red"
    assert verdict_of("rrrgggrrrr", **rule)[0] == "green"


def test_a_narrower_hole_can_be_asked_for() -> None:
    assert verdict_of("gg ggggggg", sustained=LIMIT)[0] == "green"
    found = verdict_of("gg ggggggg", sustained={**LIMIT, "hole": "15s"})
    assert found == ("unknown", "nothing was seen for 20 s: that may not have been good")


def test_a_rule_over_time_adds_to_a_limit() -> None:
    """D-21 in one gate: 100 ms for 10 min is a warning, 200 ms for 5 min is critical."""
    levels = {"limit": 200, "for": "5m", "target": 100, "target_for": "10m"}
    assert verdict_of("g" * 10 + "a" * 61 + "g", sustained=levels)[0] == "amber"
    assert verdict_of("g" * 10 + "r" * 31 + "g", sustained=levels)[0] == "red"
    assert verdict_of("g" * 10 + "r" * 20 + "g" * 40, sustained=levels)[0] == "green"
    assert verdict_of("g" * 10 + "r" * 20 + "g" * 40, sustained=levels, limit=225)[0] == "red"


@given(st.text("gar ", min_size=2, max_size=40))
def test_a_series_passes_only_whole_and_without_a_long_breach(values: str) -> None:
    verdict, reason = verdict_of(values, sustained={"limit": 200, "for": "30s"})
    if "rrrr" in values:
        assert verdict == "red", reason
    if verdict in ("green", "amber"):
        assert "   " not in values
        assert not values.startswith("   ")
        assert values.strip()


@pytest.mark.parametrize(
    ("value", "age", "verdict"),
    [
        (61.0, 0.0, "green"),
        (61.0, 30 * DAY, "green"),
        (61.0, None, "green"),
        (59.0, 2 * DAY, "amber"),
        (59.0, 7 * DAY, "amber"),
        (59.0, 7 * DAY + 1, "red"),
        (59.0, None, "unknown"),
        (59.0, -1.0, "unknown"),
        (59.0, math.nan, "unknown"),
    ],
)
def test_what_is_due_later_is_amber_until_then(
    value: float, age: float | None, verdict: str
) -> None:
    """D-28: a hit rate of 60 % missed at 48 h is amber, missed after a week is red."""
    raw = gate(GAUGE, unit="%", direction="at_least", deadline={"limit": 60, "by": "7d"})
    began = 1e9
    measured = Measurement(value, 20, at=None if age is None else began + age)
    result = judge(read_one(raw), measured, Baseline(ABSENT, began=began))
    assert result.verdict == verdict, result.reason


def test_a_deadline_does_not_take_a_limit_away() -> None:
    raw = gate(GAUGE, unit="%", direction="at_least", limit=30, deadline={"limit": 60, "by": "7d"})
    for value, verdict in ((29.0, "red"), (31.0, "amber"), (61.0, "green")):
        found = judge(read_one(raw), Measurement(value, 20, at=10.0), Baseline(ABSENT, began=0.0))
        assert found.verdict == verdict
