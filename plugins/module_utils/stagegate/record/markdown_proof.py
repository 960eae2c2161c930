"""The parts of the Markdown on proof: smoke tests, the checklist, the ends of the ledgers."""

from __future__ import annotations

from typing import Any

from .markdown_table import code, md, table
from .text import DASH, visible
from .view import (
    LINE_WORDS,
    Record,
    counts_in_words,
    follow_up,
    given_how,
    sections,
    smoke_groups,
)


def smoke(record: Record) -> str:
    """Smoke results by host and category; failures in words."""
    rows, failures = [], []
    for host, told in record["hosts"].items():
        result = told["smoke"]
        for group, cases in smoke_groups(result):
            passed = sum(c["outcome"] == "passed" for c in cases)
            rows.append((md(host, 80), md(group, 80), f"{passed} of {len(cases)}"))
        if result["tests"] and not result.get("cases"):
            rows.append((md(host, 80), "all", f"{result['passed']} of {result['tests']}"))
        failures += [
            f"- {md(host, 80)}, {md(f['name'], 120)}: {md(f['message'])}"
            for f in result["failures"]
        ]
        if result.get("error"):
            failures.append(f"- {md(host, 80)}: {md(result['error'])}")
    if not rows and not failures:
        return ""
    parts = [table(("Host", "Category", "Passed"), rows)] if rows else []
    return "\n\n".join(["## Smoke tests", *parts, *(["\n".join(failures)] if failures else [])])


def sign_offs(record: Record) -> str:
    """Who gave which word, when, and for which plan."""
    rows = [
        (
            md(word["role"], 80),
            md(word["name"] or "awaited", 100),
            md(word["at"] or DASH, 40),
            md(word["digest"][:12] or DASH),
            md(given_how(word), 200),
            md(word["text"] or DASH),
        )
        for word in record.get("sign_offs") or []
    ]
    heads = ("Role", "Name", "When", "Plan", "How", "What it says")
    return "## Sign-offs\n\n" + table(heads, rows) if rows else ""


def follow_ups(record: Record) -> str:
    """What a rollback leaves to do."""
    lines = [line_item(line) for line in follow_up(record)]
    return "## To do after going back\n\n" + "\n".join(lines) if lines else ""


def checklist(record: Record) -> str:
    """Every acceptance line with what proved it."""
    if not record["checklist"]:
        return ""
    counts = counts_in_words(record["checklist"])
    parts = [
        f"### {md(section, 120)}\n\n" + "\n".join(line_item(line) for line in lines)
        for section, lines in sections(record)
    ]
    return "\n\n".join([f"## Checklist\n\n{len(record['checklist'])} lines: {counts}.", *parts])


def line_item(line: dict[str, Any]) -> str:
    """One line of the checklist; ticked only when it is proved."""
    tick = "x" if line["verdict"] in ("green", "amber") else " "
    words = f"{LINE_WORDS[line['verdict']]} ({md(line['proof'], 160)}): {md(line['evidence'])}"
    return f"- [{tick}] {md(line['id'], 40)} {md(line['text'])} — {words}"


def ledger_tail(record: Record) -> str:
    """The last entries of every host's ledger."""
    found = []
    for host, told in record["hosts"].items():
        for e in told["entries"][-12:]:
            words = (e.get("t_wall") or "", e["seq"], host, f"{e['phase']}.{e['step']}", e["kind"])
            found.append("  ".join(visible(w, 120) for w in words))
    return f"## End of the ledgers\n\n{code(chr(10).join(found))}" if found else ""
