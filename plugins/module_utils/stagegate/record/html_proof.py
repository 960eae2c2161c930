"""The parts of the page on proof: smoke tests, the checklist, the ends of the ledgers."""

from __future__ import annotations

from typing import Any

from .html_table import card, fold, pill, table
from .icons import line_mark
from .markup import Markup, el, joined, lines
from .text import DASH, duration, visible
from .view import (
    Record,
    by_verdict,
    counts_in_words,
    follow_up,
    given_how,
    sections,
    smoke_groups,
)

NEW_LINE = Markup("\n")
CASE_VERDICTS = {"passed": "green", "failed": "red", "skipped": "pending"}
TAIL = 12
"""Ledger entries shown for each host; record.json has them all."""


def smoke(record: Record) -> Markup | None:
    """Each host's smoke tests: failures in full, the rest folded by category."""
    parts = [
        host_smoke(host, told["smoke"])
        for host, told in record["hosts"].items()
        if told["smoke"]["tests"] or told["smoke"].get("error")
    ]
    return card("Smoke tests", *parts) if parts else None


def host_smoke(host: str, result: dict[str, Any]) -> Markup:
    """One host's results."""
    failures = [*result["failures"]]
    if result.get("error"):
        failures.append({"name": "no usable result", "message": result["error"]})
    groups = [fold_group(name, cases) for name, cases in smoke_groups(result)]
    broken = [
        el(
            "div",
            el("b", f["name"]),
            el("pre", lines(visible(f["message"], 4000, lines=True))),
            class_="failure",
        )
        for f in failures
    ]
    count = f"{result['passed']} of {result['tests']} passed"
    took = f" in {duration(result['seconds'])}" if result.get("seconds") else ""
    title = [el("b", host, class_="grow"), el("span", f"{count}{took}", class_="soft")]
    return fold(title, *broken, *groups, is_open=bool(failures))


def fold_group(name: str, cases: list[dict[str, Any]]) -> Markup:
    """One category: its count, its tests on opening."""
    passed = sum(c["outcome"] == "passed" for c in cases)
    worst = (
        "red"
        if any(c["outcome"] == "failed" for c in cases)
        else "green"
        if passed == len(cases)
        else "pending"
    )
    rows = [case_line(c) for c in cases]
    title = [
        line_mark(worst),
        el("span", name, class_="grow"),
        el("span", f"{passed} of {len(cases)}", class_="soft"),
    ]
    return fold(title, el("ul", *rows, class_="lines cases"))


def case_line(case: dict[str, Any]) -> Markup:
    """One test with its time or what it measured."""
    figure = case["measured"] or duration(case["seconds"])
    words = f"{case['outcome']}, {figure}" if case["outcome"] == "passed" else case["message"]
    name = case["name"].removeprefix("test_").replace("_", " ")
    return el(
        "li",
        line_mark(CASE_VERDICTS[case["outcome"]]),
        el("div", name, el("small", visible(words, 300))),
    )


def sign_offs(record: Record) -> Markup | None:
    """Who gave which word, when, for which plan; those that are awaited stand below."""
    rows = [
        (
            joined(word["role"], el("small", word["text"]) if word["text"] else None),
            pill(word["verdict"] if word["name"] else "awaited"),
            joined(word["name"] or DASH, el("small", given_how(word)) if word["name"] else None),
            word["at"] or DASH,
            el("span", word["digest"][:12] or DASH, class_="mono"),
        )
        for word in record.get("sign_offs") or []
    ]
    heads = ("Role", "Word", "Name", "When", "Plan")
    return card("Sign-offs", table(heads, rows)) if rows else None


def checklist(record: Record) -> Markup | None:
    """Every acceptance line, folded by section; sections with a failed line stand open."""
    if not record["checklist"]:
        return None
    parts = []
    for section, found in sections(record):
        counts = by_verdict(found)
        title = [
            line_mark(next(iter(counts))),
            el("span", section, class_="grow"),
            el("span", counts_in_words(found), class_="soft"),
        ]
        parts.append(fold(title, line_list(found), is_open="red" in counts))
    lines_total = record["checklist"]
    return card(
        "Checklist", *parts, note=f"{len(lines_total)} lines: {counts_in_words(lines_total)}"
    )


def follow_ups(record: Record) -> Markup | None:
    """What a rollback leaves to do before the next deployment."""
    found = follow_up(record)
    return card("To do after going back", line_list(found)) if found else None


def line_list(found: list[dict[str, Any]]) -> Markup:
    """Checklist lines with what proved them."""
    return el("ul", *(check_line(line) for line in found), class_="lines")


def check_line(line: dict[str, Any]) -> Markup:
    """One line: its text, its proof, the figure."""
    small = el("small", f"{line['proof']} — {line['evidence']}")
    return el(
        "li",
        line_mark(line["verdict"]),
        el("div", el("span", line["id"], class_="id mono"), line["text"], small),
    )


def ledger_tail(record: Record) -> Markup | None:
    """The last entries of every host's ledger."""
    parts = [
        fold(
            [
                el("b", host, class_="grow"),
                el("span", f"{len(told['entries'])} entries", class_="soft"),
            ],
            el("pre", [(entry_line(e), NEW_LINE) for e in told["entries"][-TAIL:]]),
        )
        for host, told in record["hosts"].items()
        if told["entries"]
    ]
    return card("End of the ledgers", *parts) if parts else None


def entry_line(entry: dict[str, Any]) -> str:
    """One entry as text."""
    step = visible(f"{entry['phase']}.{entry['step']}", 60)
    time = visible(entry.get("t_wall") or "", 40)
    return f"{time:<33} {entry['seq']:>5}  {step:<34} {entry['kind']}"
