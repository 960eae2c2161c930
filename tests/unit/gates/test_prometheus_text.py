"""Scrapes are read strictly, and quantiles are estimated as PromQL does."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegate.gates import histogram
from stagegate.gates.prometheus_text import parse, render

SCRAPE = r"""
# HELP http_requests_total The total number of "requests", by code.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{ method = "get" , code="400", }    3
file_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9
metric_without_timestamp_and_labels 12.47
something_weird{problem="division by zero } {"} +Inf -3982045
# a remark
not_a_number NaN
# TYPE rpc_duration_seconds summary
rpc_duration_seconds{quantile="0.01"} 3102e-3
"""


def test_reads_everything_the_format_allows() -> None:
    scrape = parse(SCRAPE)
    post, get = scrape.of("http_requests_total")
    assert (post.value, post.stamp, post.get("code")) == (1027.0, 1395066363.0, "200")
    assert (get.value, get.stamp, get.get("method"), get.get("none")) == (3.0, None, "get", "")
    [file] = scrape.of("file_seconds")
    assert file.get("path") == r"C:\DIR\FILE.TXT"
    assert file.get("error") == 'Cannot find file:\n"FILE.TXT"'
    assert scrape.of("metric_without_timestamp_and_labels")[0].value == 12.47
    [weird] = scrape.of("something_weird")
    assert (weird.value, weird.stamp) == (math.inf, -3982.045)
    assert math.isnan(scrape.of("not_a_number")[0].value)
    assert scrape.type_of("http_requests_total") == "counter"
    assert scrape.type_of("nothing") == ""
    assert scrape.of("nothing") == ()


@pytest.mark.parametrize(
    "text",
    [
        "a\n",
        "a one\n",
        "a 1 2 3\n",
        "a 1_000\n",
        "a 0x10\n",
        'a{b="c} 1\n',
        "a{b=c} 1\n",
        'a{b="c" d="e"} 1\n',
        "1a 1\n",
        "a{} infinity\n",
        'a{b="c"} 1\na{b="c"} 2\n',
        '{"json": 1}\n',
        "<html>\n",
        "whole 1\ncut 1",
    ],
)
def test_half_a_scrape_is_no_scrape(text: str) -> None:
    with pytest.raises(ValueError, match="line"):
        parse(text)


@given(
    st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text(max_size=20)),
    st.floats(allow_nan=False),
)
def test_what_is_rendered_is_read_back(labels: dict[str, str], value: float) -> None:
    [series] = parse(render("m", "A metric.", [(labels, value)])).of("m")
    assert dict(series.labels) == labels
    assert series.value == value


def cumulative(*counts: float) -> dict[float, float]:
    bounds = [0.1, 0.2, 0.4, math.inf]
    return dict(zip(bounds, counts, strict=True))


@pytest.mark.parametrize(
    ("counts", "q", "value", "floor"),
    [
        ((100, 100, 100, 100), 0.5, 0.05, False),  # the lowest bucket begins at 0
        ((0, 100, 100, 100), 0.5, 0.15, False),
        ((0, 100, 100, 100), 0.99, 0.199, False),
        ((50, 100, 100, 100), 0.5, 0.1, False),
        ((0, 0, 0, 100), 0.5, 0.4, True),  # beyond the last bound: only a floor is known
        ((98, 98, 98, 100), 0.99, 0.4, True),
        ((98, 98, 99, 100), 0.99, 0.4, False),
        ((1, 1, 1, 1), 0.99, 0.099, False),
    ],
)
def test_quantiles_are_interpolated_in_their_bucket(
    counts: tuple[float, ...], q: float, value: float, floor: bool
) -> None:
    found = histogram.estimate(cumulative(*counts), q)
    assert (found.value, found.floor) == (pytest.approx(value), floor)


def test_the_lowest_bucket_of_negative_values_gives_its_bound() -> None:
    assert histogram.estimate({-1.0: 10, math.inf: 10}, 0.5).value == -1.0


def test_a_histogram_that_was_reset_counts_from_zero() -> None:
    before, after = cumulative(50, 80, 90, 100), cumulative(1, 2, 3, 4)
    assert histogram.grown(before, after) == after
    assert histogram.grown(before, cumulative(60, 90, 100, 110)) == cumulative(10, 10, 10, 10)
    assert histogram.grown(None, after) == after


@pytest.mark.parametrize(
    "buckets",
    [
        {0.1: 1.0},
        {math.inf: 1.0},
        {0.1: 1.0, 0.2: 2.0},
        {0.1: 5.0, math.inf: 1.0},
        {0.1: math.nan, math.inf: 1.0},
        {0.1: -1.0, math.inf: 1.0},
        {0.1: 1.0, math.inf: math.inf},
        {},
    ],
)
def test_damaged_buckets_are_refused(buckets: dict[float, float]) -> None:
    assert histogram.check(buckets)


def test_histograms_of_different_bounds_are_not_added() -> None:
    with pytest.raises(ValueError, match="different bucket bounds"):
        histogram.added([{0.1: 1, math.inf: 1}, {0.2: 1, math.inf: 1}])


@given(
    st.lists(st.integers(0, 1000), min_size=4, max_size=4).filter(any),
    st.sampled_from([0.5, 0.95, 0.99]),
)
def test_an_estimate_lies_in_the_bucket_of_its_rank(parts: list[int], q: float) -> None:
    counts = [sum(parts[: i + 1]) for i in range(4)]
    buckets = cumulative(*counts)
    found = histogram.estimate(buckets, q)
    above = [bound for bound in sorted(buckets) if buckets[bound] >= q * counts[-1]]
    assert found.value <= above[0]
    assert found.floor == (above[0] == math.inf)
