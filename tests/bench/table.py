"""The results as Markdown, which is readable on a screen as well."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.model import Row

HEAD = ("measured", "unit", "ours", "peer", "the peer", "ratio", "target", "met", "n")


def figure(value: float) -> str:
    """Three significant digits, never as a power of ten; a count as it is."""
    if value >= 100 or isinstance(value, int):
        return f"{value:.0f}"
    digits = 1 if value >= 10 else 2 if value >= 1 else 3 if value >= 0.1 else 4
    return f"{value:.{digits}f}"


def cells(row: Row) -> tuple[str, ...]:
    """One line of the table."""
    met = {True: "yes", False: "**no**", None: ""}[row.met]
    return (
        row.what,
        row.unit,
        figure(row.ours),
        figure(row.peer),
        row.peer_name,
        figure(row.ratio),
        "" if row.target is None else str(row.target),
        met,
        str(row.runs),
    )


def table(rows: Sequence[Row]) -> list[str]:
    """The lines of the table, its columns aligned."""
    lines = [HEAD, *(cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    texts = [" | ".join(cell.ljust(w) for cell, w in zip(line, widths)) for line in lines]
    rule = " | ".join("-" * width for width in widths)
    return [f"| {text} |" for text in (texts[0], rule, *texts[1:])]
