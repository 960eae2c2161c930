"""The parts of the Markdown on hosts: what serves, the gates, the copies, what went back."""

from __future__ import annotations

from typing import Any

from .chart import readable
from .markdown_table import md, table
from .text import DASH, figure, measure, size
from .view import Record, gate_rows, notes, went_back, worst_first

MARKS = {"green": "✓", "amber": "!", "red": "✗", "unknown": "?", "pending": "·", "attest": "✎"}


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
