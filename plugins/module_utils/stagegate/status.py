"""How a system stands on a host, from its ledger, its services and its gates: every word computed.

``read_standing`` is what the host itself knows; ``judge_host`` makes lines of it, each with a
verdict, and nothing is good that was not seen to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from .clock import SystemClock
from .gates.watch import judge_window, next_look, standing_watch
from .history import last_change, live_release, unfinished
from .journal import Run
from .ledger import Entry, read_ledger
from .lock import STALE_AFTER, Lock, told_silence

GOOD, BAD, UNKNOWN = "good", "bad", "unknown"
BACKUP_AGE = 26.0
"""Hours that the last backup may be old: a day, and the time that the nightly one may take."""


@dataclass(frozen=True)
class Line:
    """One component: ``good``, ``bad`` or ``unknown``, and why in words."""

    component: str
    verdict: str
    words: str


def read_standing(run: Run, now: float) -> dict[str, Any]:
    """What the host's ledger and lock say, as plain data."""
    entries = read_ledger(run.state / "ledger.jsonl").entries
    left, owner = unfinished(entries), Lock(run.state).owner()
    return {
        "at": stamp(now),
        "release": live_release(last_change(entries)),
        "unfinished": left.id if left else "",
        "held_by": str((owner or {}).get("run") or ""),
        "operator": str((owner or {}).get("operator") or ""),
        "silence": Lock(run.state).silence(SystemClock()),
        "backups": last_backups(entries, now),
        "windows": windows_of(entries, now),
    }


def last_backups(entries: Iterable[Entry], now: float) -> dict[str, dict[str, Any]]:
    """The last backup of each store that ended: when, how long ago, and whether it went well."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if entry.phase != "backup" or not entry.step.startswith("store:") or entry.kind == "intent":
            continue
        taken = datetime.fromisoformat(entry.t_wall).timestamp()
        well = entry.kind != "failed"
        store = entry.step.partition(":")[2]
        found[store] = {"at": stamp(taken), "hours": (now - taken) / 3600, "well": well}
    return found


def windows_of(entries: tuple[Entry, ...], now: float) -> list[dict[str, Any]]:
    """The windows of the live release: their verdicts, or when somebody looks next."""
    watch = standing_watch(entries)
    if watch is None:
        return []
    told = []
    for window in (one for one in watch.windows if one.outlives):
        verdict = watch.judged.get(window.step, "")
        late = now > watch.end(window) and not verdict
        told.append(
            {
                "name": window.name,
                "verdict": verdict,
                "reason": judge_window(watch, window).reason if verdict or late else "",
                "looks": len(watch.seen(window)),
                "next": stamp(next_look(watch, window)),
                "overdue": late or now > next_look(watch, window) + window.pace(watch.scale),
            }
        )
    return told


def stamp(seconds: float) -> str:
    """UTC to the second."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def judge_host(
    standing: Mapping[str, Any], services: Mapping[str, Any], gates: Iterable[Mapping[str, Any]]
) -> list[Line]:
    """One line for each component of a host."""
    return [
        release_line(standing),
        *(service_line(name, told, standing) for name, told in services.items()),
        *(backup_line(store, told) for store, told in standing["backups"].items()),
        *(gate_line(gate) for gate in gates),
        *(window_line(window) for window in standing["windows"]),
    ]


def release_line(standing: Mapping[str, Any]) -> Line:
    """What the ledger calls live, and who is at work on it."""
    live, left = standing["release"], standing["unfinished"]
    if left:
        words = f"run {left} is unfinished, {standing['operator']} began it; {silence(standing)}"
        return Line("release", BAD, words)
    if not live:
        return Line("release", UNKNOWN, "the ledger knows of no live release")
    held = f"; run {standing['held_by']} holds the lock" if standing["held_by"] else ""
    return Line("release", BAD if held else GOOD, f"{live} is live{held}")


def silence(standing: Mapping[str, Any]) -> str:
    """How long the run that holds the system has been silent, and what that means."""
    silent = standing["silence"]
    over = silent is None or silent > STALE_AFTER
    return told_silence(silent) + (": nobody is known to be at work" if over else "")


def service_line(name: str, told: Mapping[str, Any], standing: Mapping[str, Any]) -> Line:
    """A service: it must run, and say that it is the live release."""
    health = told["health"]
    if told["active"] != "active":
        return Line(name, BAD, f"it does not run ({told['active']}, {told['sub']})")
    if health["fault"]:
        return Line(name, BAD, str(health["fault"]))
    if health["version"] != standing["release"]:
        return Line(name, BAD, f"it says {health['version']}, the ledger {standing['release']}")
    return Line(name, GOOD, f"{health['version']} runs, {told['restarts']} restarts")


def backup_line(store: str, told: Mapping[str, Any]) -> Line:
    """The last backup of a store: it must have gone well, and not long ago."""
    if not told["well"]:
        return Line(f"backup of {store}", BAD, f"the last one failed, {told['at']}")
    words = f"{told['hours']:.1f} hours ago, restored and compared"
    return Line(f"backup of {store}", GOOD if told["hours"] <= BACKUP_AGE else BAD, words)


def gate_line(gate: Mapping[str, Any]) -> Line:
    """A gate, measured just now."""
    verdict = {"green": GOOD, "amber": GOOD, "red": BAD}.get(str(gate["verdict"]), UNKNOWN)
    return Line(f"gate {gate['name']}", verdict, f"{gate['verdict']}: {gate['reason']}")


def window_line(window: Mapping[str, Any]) -> Line:
    """A window: judged, still watched, or watched by nobody."""
    name, verdict = f"window {window['name']}", window["verdict"]
    if verdict:
        judged = {"green": GOOD, "amber": GOOD, "red": BAD}.get(str(verdict), UNKNOWN)
        return Line(name, judged, f"{verdict}: {window['reason']}")
    if window["overdue"]:
        return Line(name, BAD, f"nobody looks: the next look was due at {window['next']}")
    return Line(name, GOOD, f"{window['looks']} looks so far, the next at {window['next']}")


def worst(lines: Iterable[Line]) -> str:
    """The worst of all lines; no line at all is unknown."""
    verdicts = {line.verdict for line in lines}
    return next((word for word in (BAD, UNKNOWN, GOOD) if word in verdicts), UNKNOWN)
