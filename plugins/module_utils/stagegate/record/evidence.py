"""What a host's steps recorded: gates, backups, what went back, and the state of the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .account import Account, Step, evidence, iso, mapping, state
from .smoke import counted
from .text import duration, number
from .verdict import is_switch

GATE_VERDICTS = frozenset({"green", "amber", "red", "unknown"})
JUDGING = ("gate", "observe")
"""Phases whose gates judge the new release; what the baseline measures is the former one."""
NOTES = ("known_issues", "limitations", "expected_benefits")
CLASSES = ("R0", "R1", "R2", "R3", "R4", "R5")
DATA_AFTER = {
    "R0": "the live data were never touched; the migrated copy is set aside",
    "R1": "the former generation is live again; no client had written to the new one",
    "R2": "the data stay, with every write accepted since the switch; only the code went back",
    "R3": "the schema went back to the recorded revision, with every write kept",
    "R4": "the final image is live again; the writes accepted after it were exported first",
    "R5": "kept as found, with every file",
}
"""What each class of going back does to the data (docs: how a run goes back)."""


def gate_results(account: Account) -> list[dict[str, Any]]:
    """The last result of every gate, in the order they were judged, with its window."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in account.entries:
        if entry["phase"] in JUDGING and entry["kind"] in ("done", "failed", "observed"):
            told = evidence(entry)
            for gate in gates_in(told):
                found[(entry["step"], gate["name"])] = {**gate, "window": window(entry, told)}
    return list(found.values())


def window(entry: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """When the gates of an entry were judged; a window that was shortened says so."""
    name, scale, length = (
        told.get("window"),
        number(told.get("scale")),
        number(told.get("of_seconds")),
    )
    shown = name if isinstance(name, str) and name else str(entry["step"])
    if scale is None or length is None or scale >= 1:
        return shown
    return f"{shown}, shortened to {duration(length * scale)} of {duration(length)}"


def gates_in(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The gate results in one entry's evidence: ``gates``, ``gate``, or the evidence itself."""
    several = told.get("gates")
    offered = several if isinstance(several, list) else [told.get("gate"), told]
    return [
        g
        for g in offered
        if isinstance(g, dict)
        and isinstance(g.get("name"), str)
        and isinstance(g.get("verdict"), str)
        and g["verdict"] in GATE_VERDICTS
    ]


def baseline_notes(accounts: Iterable[Account]) -> dict[str, list[str]]:
    """What the system said of itself before the run, as its first baseline keeps it."""
    for account in accounts:
        for entry in reversed(account.entries):
            notes = mapping(evidence(entry).get("notes")) if entry["phase"] == "baseline" else {}
            if notes:
                kept = {key: notes.get(key) for key in NOTES}
                return {k: [str(one) for one in v] for k, v in kept.items() if isinstance(v, list)}
    return {}


def backups(account: Account) -> list[dict[str, Any]]:
    """Every finished copy of a store: where it lies, how large it is, what it holds."""
    found = []
    for step in account.latest().values():
        known = step.known
        if step.outcome != "done" or step.phase in ("rollback", "release"):
            continue
        if isinstance(known.get("path"), str) and isinstance(known.get("sha256"), str):
            found.append(
                {
                    "store": str(known.get("store") or step.name.partition(":")[2] or step.name),
                    "step": step.label,
                    "path": known["path"],
                    "bytes": known.get("bytes"),
                    "sha256": known["sha256"],
                    "rows": row_counts(known),
                    "at": iso(step.ended),
                }
            )
    return found


def row_counts(known: Mapping[str, Any]) -> dict[str, int]:
    """Rows by table: ``tables`` counted by table, else ``rows``, by table or as one total."""
    rows = known.get("rows")
    counts = mapping(known.get("tables")) or mapping(rows) or {"total": rows}
    found = {table: number(count) for table, count in counts.items()}
    return {table: int(count) for table, count in found.items() if count is not None}


def going_back(account: Account) -> dict[str, Any] | None:
    """What went back on a host, how far and why so far; None when nothing began to."""
    steps = [s for s in account.latest().values() if s.phase == "rollback"]
    if not steps:
        return None
    return {
        "class": rollback_class(account),
        "reason": rollback_reason(account),
        "steps": [{"step": s.name, "outcome": s.outcome, "told": told_by(s)} for s in steps],
    }


def told_by(step: Step) -> str:
    """One phrase on what a rollback step did."""
    known = step.known
    said = step.error.get("what") or counted(step) or known.get("reason") or known.get("path")
    return said if isinstance(said, str) else ""


def rollback_class(account: Account) -> str:
    """How far a host went back: R0 to R5, as its rollback recorded it; empty when it did not."""
    mine = [e for e in account.entries if e["phase"] == "rollback" or e["kind"] == "terminal"]
    told = [t for e in reversed(mine) for t in (state(e), evidence(e))]
    ways = [mapping(t.get("way_back")) for t in told]
    named = [t.get("class") for t in told] + [w.get("class") or w.get("name") for w in ways]
    return next((str(name) for name in named if name in CLASSES), "")


def rollback_reason(account: Account) -> str:
    """Why that way back was the right one, in the words of the rollback."""
    mine = [e for e in account.entries if e["phase"] == "rollback"]
    ways = [mapping(t.get("way_back")) for e in mine for t in (state(e), evidence(e))]
    return next((w["reason"] for w in ways[::-1] if isinstance(w.get("reason"), str)), "")


def data_state(account: Account, verdict: str) -> str:
    """What is true of the data on a host now, in the ledger's words or in ours."""
    stated = state(account.terminal or {}).get("data")
    if isinstance(stated, str) and stated:
        return stated
    if account.plan.get("stores") == [] and verdict in ("deployed", "restored"):
        return "it keeps no data of the system"
    if verdict in ("refused", "no_op", "passed", "staged"):
        return "the data were not touched"
    if verdict == "deployed":
        return "the data are migrated" if account.began("migrate") else "the data were not touched"
    if verdict == "restored":
        return DATA_AFTER.get(rollback_class(account), "the ledger does not say how they went back")
    if verdict == "fenced":
        return "everything is kept as found"
    if verdict == "unfinished" and not account.began("rollback"):
        if not any(is_switch(s) for s in account.steps):
            return "the live data were not touched"
        return "the switch to the new generation was begun"
    return "the state of the data is not known"
