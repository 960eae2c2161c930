"""The record as Markdown: for a ticket, a mail, a terminal."""

from __future__ import annotations

from .account import moment
from .markdown_proof import checklist, follow_ups, ledger_tail, sign_offs, smoke
from .markdown_state import backups, gates, hosts, known_before, rollback, validation, windows
from .markdown_table import code, md, table
from .message import HEADLINES
from .text import DASH, duration, listed
from .view import Record, bars

PARTS = (
    ("what", "What happened"),
    ("now", "What is true now"),
    ("untouched", "What was not touched"),
    ("next", "What to do next"),
)


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
        sign_offs(record),
        follow_ups(record),
        checklist(record),
        ledger_tail(record),
    ]
    return "\n\n".join(b for b in blocks if b) + "\n"


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
