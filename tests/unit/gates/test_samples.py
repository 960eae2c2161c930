"""Which samples count, and what is made of them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegate.gates.model import Window
from stagegate.gates.samples import accept, increase, outside, quantile, thin, unfit, variance
from stagegate.gates.sources.document import seconds_since_1970

NO_NUMBERS = [None, True, False, "1", "", [], [1], {}, {"a": 1}, b"1", 1j, object()]
NOT_FINITE = [math.nan, math.inf, -math.inf, float("1e400"), 10**400, -(10**400)]


@pytest.mark.parametrize("value", NO_NUMBERS + NOT_FINITE, ids=lambda v: f"{v!r:.20}")
def test_a_value_that_is_no_finite_number_is_rejected_with_a_reason(value: Any) -> None:
    assert unfit(value)
    kept = accept([(0.0, value), (1.0, 5)], counts=False)
    assert kept.points == ((1.0, 5.0),)
    assert sum(kept.rejected.values()) == 1


@pytest.mark.parametrize(
    ("value", "counts", "fits"),
    [(0, True, True), (0.0, True, True), (-1, False, True), (-1, True, False), (-0.5, True, False)],
)
def test_a_count_is_never_negative(value: float, counts: bool, fits: bool) -> None:
    assert (unfit(value, counts) == "") is fits


@pytest.mark.parametrize(
    ("values", "q", "expected"),
    [
        ([5], 0.99, 5),
        ([1, 2], 0.5, 1),
        ([1, 2, 3], 0.5, 2),
        (list(range(1, 101)), 0.99, 99),
        (list(range(1, 101)), 0.95, 95),
        (list(range(1, 102)), 0.99, 100),
        (list(range(1, 21)), 0.99, 20),
    ],
)
def test_a_quantile_is_the_nearest_rank(values: list[float], q: float, expected: float) -> None:
    assert quantile(values, q) == expected


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_was_really_seen_and_enough_lie_below(values: list[float], q: float) -> None:
    found = quantile(sorted(values), q)
    assert found in values
    assert sum(v <= found for v in values) >= q * len(values) - 1e-6


@pytest.mark.parametrize(
    ("values", "grown"),
    [
        ([10, 15, 20], 10),
        ([10, 10], 0),
        ([100, 120, 5, 10], 30),  # a restart: 20, then 5, then 5; neither -90 nor 110
        ([100, 0, 0], 0),
        ([7], 0),
        ([], 0),
    ],
)
def test_an_increase_survives_a_counter_reset(values: list[float], grown: float) -> None:
    assert increase(values) == grown


@given(st.lists(st.floats(0, 1e9), max_size=30))
def test_an_increase_is_never_negative(values: list[float]) -> None:
    assert increase(values) >= 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], None), ([3], None), ([3, 3, 3], 0.0), ([1, 3], 2.0), ([1e308, -1e308], None)],
)
def test_a_variance_is_that_of_a_sample(values: list[float], expected: float | None) -> None:
    assert variance(values) == expected


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-1e9, 1e9)), max_size=500))
def test_thinning_keeps_the_extremes_and_the_size(points: list[tuple[float, float]]) -> None:
    kept = thin(points, 20)
    assert len(kept) <= 20
    if points:
        values = [value for _, value in kept]
        assert max(values) == pytest.approx(max(v for _, v in points), rel=1e-5)
        assert min(values) == pytest.approx(min(v for _, v in points), rel=1e-5)


@pytest.mark.parametrize(
    ("stamp", "is_outside"),
    [
        (1000.0, False),
        (1005.0, False),
        (999.5, False),
        (990.0, True),
        (1010.0, True),
        (math.nan, True),
        (math.inf, True),
    ],
)
def test_a_stamp_is_inside_the_window_or_the_sample_is_stale(
    stamp: float, is_outside: bool
) -> None:
    assert outside(stamp, Window(started=1000.0, seconds=5.0)) is is_outside


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        (12, 12.0),
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T01:01:00+01:00", 60.0),
        ("1970-01-01T00:01:00", 60.0),
    ],
)
def test_times_are_seconds_or_iso_8601(stamp: Any, seconds: float) -> None:
    assert seconds_since_1970(stamp) == seconds


@pytest.mark.parametrize("stamp", [None, "yesterday", True, [], "12"])
def test_what_is_no_time_is_inside_no_window(stamp: Any) -> None:
    assert outside(seconds_since_1970(stamp), Window(0.0, math.inf))
