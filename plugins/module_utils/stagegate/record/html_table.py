"""Cards, tables and pills: the pieces that the parts of the page are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .markup import Child, Markup, el

PILL_TONES = {
    "deployed": "good",
    "staged": "good",
    "no_op": "good",
    "passed": "good",
    "green": "good",
    "refused": "calm",
    "restored": "warn",
    "unfinished": "warn",
    "amber": "warn",
    "red": "bad",
    "unknown": "bad",
    "fenced": "bad",
}
CELLS = {
    **dict.fromkeys(("Size", "Target", "Limit", "Baseline", "Actual"), "figure"),
    "SHA-256": "digest mono",
    "Samples": "plots",
}
"""Columns with a look of their own; figures stand to the right."""


def card(title: str, *children: Child, note: str = "") -> Markup:
    """A part of the page under its title."""
    aside = el("span", note, class_="soft") if note else None
    return el("section", el("h2", title, aside), *children, class_="card")


def pill(verdict: str) -> Markup:
    """A verdict in its colour, in words."""
    return el("span", verdict.replace("_", " "), class_=f"pill {PILL_TONES.get(verdict, 'none')}")


def table(heads: Sequence[str], rows: Iterable[Sequence[Child]]) -> Markup:
    """A table that becomes a list of facts on a narrow screen."""
    top = [el("th", h, scope="col", class_=CELLS.get(h)) for h in heads]
    body = [
        el("tr", *(cell(h, c, first=n == 0) for n, (h, c) in enumerate(zip(heads, row))))
        for row in rows
    ]
    made = el("table", el("thead", el("tr", *top)), el("tbody", *body), class_="stack")
    return el("div", made, class_="scroll")


def cell(head: str, child: Child, first: bool) -> Markup:
    """One cell; its head stands in front of it on a narrow screen."""
    kind = "name" if first else CELLS.get(head)
    return el("td", child, class_=kind, data_head=None if first else head)


def fold(summary: Sequence[Child], *children: Child, is_open: bool = False) -> Markup:
    """A part that opens on a click, and on paper stands open."""
    return el("details", el("summary", *summary), *children, open="" if is_open else None)
