"""The drawings: well-formed, finite, and not squeezed by a long wait."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegate.record.axis import make_axis
from stagegate.record.chart import samples_plot, timeline
from stagegate.record.view import Bar
from tests.unit.record.made import gate


def drawn(svg):
    """The drawing as elements; fails when it is not well-formed or has a figure that is none."""
    assert "nan" not in svg
    assert "inf" not in svg
    return ElementTree.fromstring(svg)


def bar(host, phase, began, ended, outcome="done"):
    return Bar(host, phase, float(began), float(ended), outcome)


def test_each_host_of_each_phase_has_its_bar():
    bars = [bar(h, p, n * 10, n * 10 + 8) for n, p in enumerate("abc") for h in ("h1", "h2")]
    shapes = [e for e in drawn(timeline(bars)).iter("rect") if "bar" in e.get("class", "")]
    assert len(shapes) == 6


def test_an_open_step_and_a_failed_one_are_told_apart():
    bars = [bar("h", "a", 0, 5), bar("h", "b", 5, 9, "failed"), bar("h", "rollback", 9, 12)]
    bars.append(bar("h", "c", 12, 12, "open"))
    kinds = [e.get("class") for e in drawn(timeline(bars)).iter("rect")]
    assert kinds == ["bar done", "bar failed", "bar back", "bar open"]


def test_two_days_of_watching_do_not_squeeze_the_minutes_before():
    bars = [bar("h", "backup", 0, 60), bar("h", "observe", 60, 172_860)]
    first = next(e for e in drawn(timeline(bars)).iter("rect") if e.get("class") == "bar done")
    assert float(first.get("width")) > 500
    assert "48 h 00 min later" in timeline(bars)


def test_a_resumed_run_leaves_the_night_out():
    bars = [bar("h", "backup", 0, 60), bar("h", "migrate", 40_000, 40_060)]
    widths = [float(e.get("width")) for e in drawn(timeline(bars)).iter("rect")]
    assert min(w for w in widths) > 30


@given(
    st.lists(
        st.tuples(st.floats(0, 1e6, allow_nan=False), st.floats(0, 1e5, allow_nan=False)),
        min_size=1,
        max_size=12,
    )
)
def test_the_axis_keeps_the_order_of_time_and_stays_inside(spans):
    busy = [(begin, begin + length) for begin, length in spans]
    axis = make_axis(busy)
    moments = sorted(m for span in busy for m in span)
    places = [axis.at(m) for m in moments]
    assert all(a <= b + 1e-9 for a, b in zip(places, places[1:]))
    assert all(-1e-9 <= p <= 1 + 1e-6 for p in places)
    assert len(axis.ticks()) <= 501


def test_nothing_to_draw_is_no_drawing():
    assert timeline([]) is None
    assert samples_plot(gate("p99", "unknown", None)) is None
    assert samples_plot({"samples": [[0, 1]]}) is None
    assert samples_plot({"samples": "garbage"}) is None


def test_a_gate_shows_its_samples_and_its_three_levels():
    root = drawn(samples_plot(gate("p99", "red", 183.0)))
    levels = [e.get("class") for e in root.iter("line")]
    assert levels == ["level limit", "level target", "level baseline"]
    points = next(root.iter("polyline")).get("points").split()
    assert len(points) == 40


def test_both_ends_of_a_range_are_drawn():
    root = drawn(samples_plot(gate("temperature", "green", 20.0, [15, 25], [15, 25], None)))
    assert len(list(root.iter("line"))) == 4


@pytest.mark.parametrize("samples", [[[0, 5], [0, 5]], [[0, 0], [1, 0]], [[1e300, 1], [-1e300, 2]]])
def test_odd_samples_are_drawn_with_finite_figures(samples):
    told = {"name": "g", "verdict": "green", "samples": samples, "limit": None, "unit": "s"}
    drawn(samples_plot(told))


def test_two_hundred_samples_are_not_cut():
    samples = [[n + 0.123, n % 7 + 0.456] for n in range(200)]
    svg = samples_plot({"name": "g", "verdict": "green", "samples": samples})
    assert len(re.search(r'points="([^"]+)"', svg)[1].split()) == 200
