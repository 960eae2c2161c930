"""The windows that outlive a deployment, and the table of what was to be shown in them.

Until a window is judged it is ``pending`` (nobody has looked yet) or ``watched`` (looks so far were
good enough to go on). No clock is read: what the ledger does not say is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..gates.windows import step_of
from .account import Account, Entry, evidence, iso, mapping, moment, state
from .text import number

BEGIN = ("observe", "begin")
LOOK = "look:"
AIMS = ("target", "limit", "unit")
PENDING, WATCHED = "pending", "watched"


def observations(account: Account) -> list[dict[str, Any]]:
    """Each window that outlives the deployment: its times, its verdict, and what was not seen."""
    begun = [e for e in account.entries if (e["phase"], e["step"]) == BEGIN]
    if not begun:
        return []
    told, start = state(begun[-1]), moment(begun[-1].get("t_wall"))
    windows, scale = told.get("windows"), number(told.get("scale")) or 1.0
    later = [mapping(w) for w in windows] if isinstance(windows, list) else []
    after = [e for e in account.entries if e["phase"] == "observe" and e["seq"] > begun[-1]["seq"]]
    return [observation(window, start, scale, after) for window in later]


def observation(
    window: Mapping[str, Any], start: float | None, scale: float, entries: Sequence[Entry]
) -> dict[str, Any]:
    """One window as the report shows it."""
    step = step_of(str(window.get("name")))
    looks = [evidence(e) for e in entries if e["step"] == f"{LOOK}{step}"]
    ends = [e for e in entries if e["step"] == step and e["kind"] in ("done", "failed")]
    judged = evidence(ends[-1]) if ends else {}
    gaps = judged.get("gaps")
    return {
        "name": str(window.get("name") or ""),
        "from": at(start, window.get("begins"), scale),
        "to": at(start, window.get("ends"), scale),
        "scale": scale,
        "verdict": str(judged.get("verdict") or (WATCHED if looks else PENDING)),
        "reason": str(judged.get("reason") or ""),
        "looks": len(looks),
        "covered": number(judged.get("covered")),
        "gaps": [spoken(gap) for gap in gaps] if isinstance(gaps, list) else [],
        "restarts": int(number(judged.get("restarts")) or 0),
        "gates": results(window, judged, looks),
    }


def at(start: float | None, offset: object, scale: float) -> str:
    """A moment of a window as text; empty when it is not known."""
    seconds = number(offset)
    return "" if start is None or seconds is None else iso(start + seconds * scale)


def spoken(gap: object) -> str:
    """A stretch of time in which nothing was seen."""
    ends = [iso(number(one)) for one in gap] if isinstance(gap, (list, tuple)) else []
    return " to ".join(ends)


def results(
    window: Mapping[str, Any], judged: Mapping[str, Any], looks: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """What each gate of a window was: as it was judged, else as the last look saw it."""
    told = judged.get("gates")
    ended = [g for g in told if isinstance(g, dict)] if isinstance(told, list) else []
    final = {gate.get("name"): gate for gate in ended}
    names = window.get("gates")
    found = []
    for name in names if isinstance(names, (list, tuple)) else []:
        seen = [mapping(mapping(look.get("gates")).get(name)) for look in looks]
        last = final.get(name) or next((one for one in reversed(seen) if one), {})
        so_far = WATCHED if seen else PENDING
        status = str(last.get("verdict") or PENDING) if name in final else so_far
        kept = {key: last.get(key) for key in ("unit", "target", "limit", "actual", "reason")}
        found.append({"name": str(name), "status": status, **kept})
    return found


def validation(
    declared: Iterable[Mapping[str, Any]], windows: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Metric, target, actual and status: each gate in the latest window that saw it.

    A gate that no window has seen yet is pending, with the target that it was declared with.
    """
    rows: dict[str, dict[str, Any]] = {}
    promised = {str(gate.get("name")): gate for gate in declared}
    for window in windows:
        for gate in window["gates"]:
            known = rows.get(gate["name"])
            if known is not None and gate["status"] == PENDING:
                continue
            written = promised.get(gate["name"], {})
            seen = {key: gate[key] for key in AIMS if gate[key] is not None}
            rows[gate["name"]] = {
                "metric": gate["name"],
                "window": window["name"],
                "actual": gate["actual"],
                "status": gate["status"],
                "reason": gate.get("reason") or "",
                **{key: written.get(key) for key in AIMS},
                **seen,
            }
    return list(rows.values())
