"""Figures and names as a person reads them."""

from __future__ import annotations

import pytest

from stagegate.record.text import DASH, duration, figure, listed, measure, size, visible


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"), (48211, "48 211"), (0.01234567, "0.01235"), (98.70, "98.7"), (5.0, "5"),
        (float("nan"), "nan"), (1e20, "1e+20"),
    ],
)  # fmt: skip
def test_figures_have_four_digits_at_most(value, shown):
    assert figure(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0.0 s"), (0.0031, "3 ms"), (0.42, "0.4 s"), (99.9, "99.9 s"), (119.6, "2 min 00 s"),
        (3725, "1 h 02 min"), (172_800, "48 h 00 min"), (-3, "0.0 s"), (None, DASH), ("x", DASH),
    ],
)  # fmt: skip
def test_durations(seconds, shown):
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("amount", "shown"), [(512, "512 B"), (48_300_032, "48.3 MB"), (2e15, "2 000 TB"), (True, DASH)]
)
def test_sizes(amount, shown):
    assert size(amount) == shown


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (183, "ms", "183 ms"), (None, "ms", DASH), ([15, 25], "°C", "15 to 25 °C"),
        ("nan", "%", "nan %"), (0, "", "0"),
    ],
)  # fmt: skip
def test_measures(value, unit, shown):
    assert measure(value, unit) == shown


def test_names_in_one_phrase():
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed([f"h{n}" for n in range(1, 50)], 3) == "h1, h2, h3 and 46 more"


def test_long_text_says_how_much_is_missing():
    assert visible("x" * 12, 10) == "xxxxxxxxxx … (2 more characters)"


def test_only_asked_for_line_ends_stay():
    assert visible("a\nb\tc", lines=True) == "a\nb    c"
    assert visible("a\nb") == "a\\x0ab"
