"""The record as Markdown: for a ticket, a mail, a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from .account import moment
from .chart import readable
from .message import HEADLINES
from .text import DASH, duration, figure, listed, measure, size, visible
from .view import (
    LINE_WORDS,
    Record,
    bars,
    counts_in_words,
    follow_up,
    gate_rows,
    given_how,
    notes,
    sections,
    smoke_groups,
    went_back,
    worst_first,
)

SPECIAL = re.compile(r"([\\`*{}\[\]|~#$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
PARTS = (
    ("what", "What happened"),
    ("now", "What is true now"),
    ("untouched", "What was not touched"),
    ("next", "What to do next"),
)
MARKS = {"green": "✓", "amber": "!", "red": "✗", "unknown": "?", "pending": "·", "attest": "✎"}


def to_markdown(record: Record) -> str:
    """The whole report."""
    blocks = [
        headline(record),
        message(record),
        hosts(record),
        timeline(record),
        gates(record),
        known_before(record),
        windows(record),
        validation(record),
        smoke(record),
        backups(record),
        rollback(record),
        signed(record),
        follow_ups(record),
        checklist(record),
        ledger_tail(record),
    ]
    return "\n\n".join(b for b in blocks if b) + "\n"


def md(value: object, limit: int = 500) -> str:
    """Text that no reader of Markdown takes for markup, a link or HTML."""
    text = visible(value, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return SPECIAL.sub(r"\\\1", text).replace("://", ":\\/\\/").replace("www.", "www\\.")


def code(text: str) -> str:
    """A fenced block that its own text cannot close."""
    shown = "\n".join(visible(line) for line in text.split("\n"))
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{shown}\n{fence}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    found = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *found])


def headline(record: Record) -> str:
    """Verdict, system, releases, and the run."""
    begun, ended = moment(record["started"]), moment(record["ended"])
    took = f", {duration(ended - begun)}" if begun and ended else ""
    way = " → ".join(md(record["release"][k] or "nothing", 64) for k in ("from", "to"))
    count = len(record["hosts"])
    facts = [
        f"Run {md(record['run'], 80)} ({record['kind']})",
        f"{record['started'] or 'time unknown'}{took}",
        f"{count} {'host' if count == 1 else 'hosts'}",
        f"exit code {record['exit']}.",
    ]
    title = f"# {HEADLINES[record['verdict']]}: {md(record['system'], 80)} {way}"
    return f"{title}\n\n{', '.join(facts)}"


def message(record: Record) -> str:
    """The four parts; commands in a block of their own."""
    found = []
    for key, title in PARTS:
        words = record["message"][key] or DASH
        if key == "next":
            found.append(f"**{title}**\n\n{code(words)}")
        else:
            shown = "  \n".join(md(line, 1500) for line in words.split("\n"))
            found.append(f"**{title}**  \n{shown}")
    return "\n\n".join(found)


def hosts(record: Record) -> str:
    """Each host's verdict, the release that serves, and its data."""
    rows = [
        (
            md(h, 80),
            told["verdict"],
            md(told["release"] or DASH, 64),
            md(told["data"] or told["reason"]),
        )
        for h, told in worst_first(record)
    ]
    return "## Hosts\n\n" + table(("Host", "Verdict", "Serves", "Data"), rows) if rows else ""


def timeline(record: Record) -> str:
    """The phases with the time of the slowest host."""
    found = bars(record)
    phases = list(dict.fromkeys(b.phase for b in sorted(found, key=lambda b: b.began)))
    rows = []
    for phase in phases:
        mine = [b for b in found if b.phase == phase]
        by_host = {
            h: sum(b.ended - b.began for b in mine if b.host == h) for h in {b.host for b in mine}
        }
        bad = sorted({b.host for b in mine if b.outcome != "done"})
        state = f"not finished on {md(listed(bad))}" if bad else "done"
        rows.append((md(phase, 40), str(len(by_host)), duration(max(by_host.values())), state))
    heads = ("Phase", "Hosts", "Slowest host", "Outcome")
    return "## Timeline\n\n" + table(heads, rows) if rows else ""


def gates(record: Record) -> str:
    """Every gate with target, limit, baseline and what was measured."""
    rows = []
    for host, gate in gate_rows(record):
        unit = str(gate.get("unit") or "")
        figures = [measure(gate.get(k), unit) for k in ("target", "limit", "baseline", "actual")]
        count = len(readable(gate.get("samples")))
        verdict = f"{MARKS[gate['verdict']]} {gate['verdict']}"
        rows.append(
            (
                md(gate["name"], 80),
                md(host or DASH, 80),
                *(md(f) for f in figures),
                f"{count} samples" if count else DASH,
                verdict,
                md(gate.get("reason") or ""),
            )
        )
    heads = ("Gate", "Host", "Target", "Limit", "Baseline", "Actual", "Seen", "Verdict", "Why")
    return "## Gates\n\n" + table(heads, rows) if rows else ""


def known_before(record: Record) -> str:
    """Known issues, limitations and expected benefits, as they stood with the baseline."""
    parts = [
        f"### {title}\n\n" + "\n".join(f"- {md(one)}" for one in said)
        for title, said in notes(record)
    ]
    return "\n\n".join(["## Known before", *parts]) if parts else ""


def windows(record: Record) -> str:
    """The windows that outlive the deployment, and what was not seen in them."""
    rows = [
        (
            md(w["name"], 80),
            md(host, 80),
            f"{w['from']} to {w['to']}",
            w["verdict"],
            str(w["looks"]),
            DASH if w["covered"] is None else f"{w['covered']:.0%}",
            md("; ".join([w["reason"], *(f"not seen: {gap}" for gap in w["gaps"])]).strip("; ")),
        )
        for host, told in record["hosts"].items()
        for w in told["windows"]
    ]
    heads = ("Window", "Host", "Time", "Verdict", "Looks", "Seen", "Why")
    return "## Windows\n\n" + table(heads, rows) if rows else ""


def validation(record: Record) -> str:
    """What was to be shown after the deployment: pending until it is measured."""
    rows = []
    for host, told in record["hosts"].items():
        for row in told["validation"]:
            unit = str(row["unit"] or "")
            aim = row["target"] if row["target"] is not None else row["limit"]
            figures = (measure(aim, unit), measure(row["actual"], unit))
            cells = (row["metric"], host, *figures, row["status"], row["window"])
            rows.append(tuple(md(cell, 120) for cell in cells))
    heads = ("Metric", "Host", "Target", "Actual", "Status", "Window")
    return "## Validation\n\n" + table(heads, rows) if rows else ""


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


def backups(record: Record) -> str:
    """What was copied before anything changed, and what it holds."""
    rows = [
        (
            md(host, 80),
            md(b["store"], 80),
            md(b["path"]),
            size(b["bytes"]),
            md(b["sha256"], 80),
            md(", ".join(f"{t} {figure(n)}" for t, n in b["rows"].items()), 1500) or DASH,
        )
        for host, told in record["hosts"].items()
        for b in told["backups"]
    ]
    heads = ("Host", "Store", "Path", "Size", "SHA-256", "Rows")
    return "## Backups\n\n" + table(heads, rows) if rows else ""


def rollback(record: Record) -> str:
    """What went back on each host, and how far."""
    rows = [
        (md(host, 80), back["class"] or DASH, md(back["reason"] or DASH), step_list(back["steps"]))
        for host, back in went_back(record)
    ]
    heads = ("Host", "Class", "Why this way", "Steps")
    return "## Going back\n\n" + table(heads, rows) if rows else ""


def step_list(steps: list[dict[str, Any]]) -> str:
    """Steps in one cell."""
    return "; ".join(
        f"{md(s['step'], 80)} {s['outcome']}{': ' + md(s['told'], 200) if s['told'] else ''}"
        for s in steps
    )


def signed(record: Record) -> str:
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
