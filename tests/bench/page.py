"""The page of the benchmarks, whose figures only this program writes."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.databases import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- begin: make bench -->", "<!-- end: make bench -->"


def write(lines: Sequence[str]) -> None:
    """Replace what stands between the two marks; raises ValueError when they are not there."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{PAGE} has no place for the figures: {BEGIN} ... {END}")
    PAGE.write_text("\n".join([before + BEGIN, "", *lines, "", END]) + after)
