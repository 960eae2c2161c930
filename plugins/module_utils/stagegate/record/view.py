"""What both renderings of a record show, worked out once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from .account import Step, read_account
from .smoke import SMOKE
from .text import DASH, number
from .verdict import BEST_FIRST

Record = Mapping[str, Any]

LINE_ORDER = ("red", "amber", "attest", "pending", "green")
LINE_WORDS = {
    "green": "proved",
    "amber": "proved (target missed)",
    "red": "failed",
    "attest": "awaiting a person",
    "pending": "pending",
}


@dataclass(frozen=True)
class Bar:
    """A stretch of one phase on one host; times are seconds since the epoch."""

    host: str
    phase: str
    began: float
    ended: float
    outcome: str


def bars(record: Record) -> list[Bar]:
    """The phases of all hosts as stretches of time; an open one lasts to the end of the account."""
    last = 0.0
    runs: list[tuple[str, str, list[Step]]] = []
    for host, told in record["hosts"].items():
        steps = [whole(s) for s in read_account(host, told["entries"], record["run"]).steps]
        moments = [m for s in steps for m in (s.began, s.ended) if m]
        last = max([last, *moments])
        timed = [s for s in steps if s.began]
        runs += [(host, phase, list(run)) for phase, run in groupby(timed, lambda s: s.phase)]
    return [
        Bar(host, phase, steps[0].began, stretch_end(steps, last), stretch_outcome(steps))
        for host, phase, steps in runs
    ]


def whole(step: Step) -> Step:
    """A step with what passed before it was announced: a smoke suite is judged at its end."""
    ran = number(step.evidence.get("seconds")) if step.label == SMOKE else None
    return step if ran is None else replace(step, began=step.began - ran)


def stretch_end(steps: list[Step], last: float) -> float:
    """When a stretch ended, the end of the account when its last step is open."""
    ends = [last if s.ended is None else s.ended for s in steps]
    return max(ends)


def stretch_outcome(steps: list[Step]) -> str:
    """How a stretch ended, by the last attempt of each of its steps."""
    outcomes = {s.outcome for s in {s.name: s for s in steps}.values()}
    return next((o for o in ("failed", "open") if o in outcomes), "done")


def by_verdict(items: list[dict[str, Any]]) -> dict[str, int]:
    """How many of each verdict, worst first."""
    found = [i["verdict"] for i in items]
    order = ("red", "unknown", "amber", "attest", "pending", "green")
    return {v: found.count(v) for v in order if v in found}


def counts_in_words(lines: list[dict[str, Any]]) -> str:
    """The lines counted by verdict: "5 proved, 2 pending"."""
    counts = by_verdict(lines)
    return ", ".join(f"{counts[v]} {word}" for v, word in LINE_WORDS.items() if v in counts)


def sections(record: Record) -> list[tuple[str, list[dict[str, Any]]]]:
    """The checklist by section, in the order of the file."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in record["checklist"]:
        found.setdefault(line.get("section") or "Checklist", []).append(line)
    return list(found.items())


def follow_up(record: Record) -> list[dict[str, Any]]:
    """The lines that a rollback opens; none while nothing went back."""
    if record["verdict"] not in ("restored", "fenced"):
        return []
    return [line for line in record["checklist"] if line.get("after") == "rollback"]


def notes(record: Record) -> list[tuple[str, list[str]]]:
    """What was known before the run, each kind under its title; nothing is left out silently."""
    found = record.get("notes") or {}
    return [
        (kind.replace("_", " ").capitalize(), list(said)) for kind, said in found.items() if said
    ]


def gate_rows(record: Record) -> list[tuple[str, dict[str, Any]]]:
    """Every gate result with its host, gate by gate; a declared gate that never ran has host ""."""
    found = [(host, gate) for host, told in record["hosts"].items() for gate in told["gates"]]
    names = list(dict.fromkeys(g["name"] for _, g in found))
    rows = [(h, g) for name in names for h, g in found if g["name"] == name]
    missing = [g for g in record.get("gates_declared") or [] if g["name"] not in names]
    return rows + [("", {**g, "verdict": "pending", "reason": "never measured"}) for g in missing]


def given_how(word: Mapping[str, Any]) -> str:
    """Where a word was given, and by whose account; a dash for one that is awaited."""
    if not word["name"]:
        return DASH
    how = {"terminal": "at a terminal", "variable": "by variable"}.get(word["given"], "unknown how")
    return f"{how}, {word['operator'] or 'unknown'} on {word['controller'] or 'unknown'}"


def smoke_groups(smoke: Mapping[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """One host's smoke cases by category, in the order they ran."""
    found: dict[str, list[dict[str, Any]]] = {}
    for case in smoke.get("cases") or []:
        found.setdefault(case["group"] or "smoke tests", []).append(case)
    return list(found.items())


def went_back(record: Record) -> list[tuple[str, dict[str, Any]]]:
    """The hosts on which a rollback acted, with what it did."""
    return [(h, t["rollback"]) for h, t in record["hosts"].items() if t["rollback"]]


def worst_first(record: Record) -> list[tuple[str, dict[str, Any]]]:
    """The hosts, those that need a person before the others."""
    return sorted(record["hosts"].items(), key=lambda pair: -BEST_FIRST.index(pair[1]["verdict"]))
