"""The record as one page that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from .account import moment
from .chart import timeline
from .html_proof import checklist, follow_ups, ledger_tail, sign_offs, smoke
from .html_state import backups, gates, hosts, known_before, rollback, validation, windows
from .html_table import card
from .icons import verdict_icon
from .markup import Markup, el, joined, lines
from .message import HEADLINES
from .style import CSS
from .text import DASH, duration, listed
from .view import Record, bars, by_verdict, gate_rows

TONES = {
    "deployed": "good",
    "staged": "good",
    "no_op": "good",
    "passed": "good",
    "refused": "calm",
    "restored": "warn",
    "unfinished": "warn",
    "unknown": "bad",
    "fenced": "bad",
}
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""A second wall behind the escaping: the page may load and run nothing."""
PARTS = (
    ("what", "What happened"),
    ("now", "What is true now"),
    ("untouched", "What was not touched"),
    ("next", "What to do next"),
)


def to_html(record: Record) -> str:
    """The whole report, one HTML document."""
    title = f"{HEADLINES[record['verdict']]}: {record['system']} {record['release']['to']}".strip()
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="robots", content="noindex"),
        el("title", title),
        el("style", Markup(CSS)),
    )
    body = el("main", banner(record), message(record), tiles(record), *cards(record))
    return f"<!doctype html>\n{el('html', head, el('body', body), lang='en')}\n"


def cards(record: Record) -> list[Markup | None]:
    """The parts of the page below the message; what a run has not is left out."""
    return [
        hosts(record),
        rollback(record),
        follow_ups(record),
        phases(record),
        gates(record),
        known_before(record),
        windows(record),
        validation(record),
        smoke(record),
        backups(record),
        sign_offs(record),
        checklist(record),
        ledger_tail(record),
    ]


def banner(record: Record) -> Markup:
    """Verdict, system and releases, and the run's facts."""
    begun, ended = moment(record["started"]), moment(record["ended"])
    facts = [
        f"run {record['run']}" if record["run"] else "",
        f"{record['started']}" if begun else "",
        duration(ended - begun) if begun and ended else "",
        listed(list(record["hosts"]), 4),
        f"exit code {record['exit']}",
    ]
    before, after = record["release"]["from"], record["release"]["to"]
    way = [el("b", record["system"]), " ", before or "nothing", " → ", el("b", after or "nothing")]
    return el(
        "header",
        verdict_icon(record["verdict"]),
        el(
            "div",
            el("h1", HEADLINES[record["verdict"]]),
            el("p", *way, class_="way"),
            el("p", " · ".join(f for f in facts if f), class_="facts"),
        ),
        class_=f"verdict {TONES[record['verdict']]}",
    )


def message(record: Record) -> Markup:
    """The four parts."""
    told = record["message"]
    pairs = [(el("dt", title), el("dd", part(key, told[key]))) for key, title in PARTS]
    return el("section", el("dl", *pairs, class_="parts"), class_="card")


def part(key: str, words: str) -> Markup:
    """One part; in the last one a command stands in a box of its own."""
    if key != "next":
        return lines(words or DASH)
    return joined(
        *(
            el("code", line, class_="command")
            if line.startswith("ansible-playbook ")
            else el("p", line)
            for line in words.split("\n")
        )
    )


def tiles(record: Record) -> Markup:
    """The run in five figures."""
    found = [*host_tile(record), *smoke_tile(record), *gate_tile(record), *checklist_tile(record)]
    return el("section", *found, class_="tiles")


def tile(figure: str, words: str, tone: str = "", below: Markup | None = None) -> Markup:
    """One figure with what it counts."""
    return el("div", el("b", figure), el("span", words), below, class_=f"tile {tone}".strip())


def host_tile(record: Record) -> list[Markup]:
    """How many hosts ended as the run did, and how many times it copied a store."""
    told = list(record["hosts"].values())
    same = sum(t["verdict"] == record["verdict"] for t in told)
    word = record["verdict"].replace("_", " ").replace("no op", "unchanged")
    copies = sum(len(t["backups"]) for t in told)
    found = (
        [tile(f"{same} of {len(told)}", f"hosts {word}", TONES[record["verdict"]])] if told else []
    )
    return [*found, tile(str(copies), "backups taken")] if copies else found


def smoke_tile(record: Record) -> list[Markup]:
    """Smoke tests that passed, over all hosts."""
    results = [t["smoke"] for t in record["hosts"].values() if t["smoke"]["tests"]]
    tests, passed = (sum(r[k] for r in results) for k in ("tests", "passed"))
    tone = "good" if passed == tests else "bad"
    return [tile(f"{passed} of {tests}", "smoke tests passed", tone)] if results else []


def gate_tile(record: Record) -> list[Markup]:
    """Gates that let the run go on."""
    gates_seen = [g for _, g in gate_rows(record)]
    counts = by_verdict(gates_seen)
    good = counts.get("green", 0) + counts.get("amber", 0)
    bad = "red" in counts or "unknown" in counts
    words = "gates open" + (f", {counts['amber']} amber" if "amber" in counts else "")
    tone = "bad" if bad else "good" if good == len(gates_seen) else ""
    return [tile(f"{good} of {len(gates_seen)}", words, tone)] if gates_seen else []


def checklist_tile(record: Record) -> list[Markup]:
    """Acceptance lines that this run proved, with the share of each verdict."""
    counts = by_verdict(record["checklist"])
    if not counts:
        return []
    proved = counts.get("green", 0) + counts.get("amber", 0)
    order = [v for v in ("green", "amber", "red", "attest", "pending") if v in counts]
    share = el(
        "div",
        *(el("i", class_=v, style=f"flex: {counts[v]}") for v in order),
        class_="share",
        aria_hidden="true",
    )
    return [tile(f"{proved} of {len(record['checklist'])}", "checklist lines proved", below=share)]


def phases(record: Record) -> Markup | None:
    """The timeline with its key."""
    found = bars(record)
    drawing = timeline(found)
    if drawing is None:
        return None
    hosts_drawn = list(dict.fromkeys(b.host for b in found))
    kinds = {"back" if b.phase == "rollback" and b.outcome == "done" else b.outcome for b in found}
    names = {"done": "done", "back": "going back", "failed": "failed", "open": "no outcome"}
    key = [el("span", el("i", class_=k), word) for k, word in names.items() if k in kinds]
    order = f"from top to bottom: {listed(hosts_drawn, 6)}" if len(hosts_drawn) > 1 else ""
    return card(
        "Timeline", el("div", drawing, class_="scroll"), el("div", *key, order, class_="key")
    )
