"""What the windows of a deployment ask for next, and what their looks say, from the ledger alone.

A window that outlives its deployment is watched look by look: one measurement of its gates, written
down when it was made. Nothing else is remembered anywhere, so that any process may go on with it,
after a reboot too. Pure functions; times are seconds since 1970 by the host's own clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..history import last_change
from ..ledger import Entry
from .rules import AMBER, GREEN, RED, UNKNOWN, worst_of
from .windows import Observation

BEGIN = ("observe", "begin")
LOOK = "look:"
SLACK = 1.5
"""How many paces may lie between two looks before the time between them is a gap."""


@dataclass(frozen=True)
class Look:
    """One measurement: when it was begun, what each gate said, and which processes answered."""

    at: float
    gates: Mapping[str, Mapping[str, Any]]
    instances: Mapping[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """The worst of its gates."""
        return worst_of([str(gate["verdict"]) for gate in self.gates.values()])


@dataclass(frozen=True)
class Watch:
    """The windows of the release that is live on a host, and what was seen in them so far.

    ``began`` is when the rollout was over. ``judged`` has the verdicts of windows that ended.
    """

    run: str
    epoch: int
    version: str
    began: float
    scale: float
    windows: tuple[Observation, ...]
    looks: Mapping[str, tuple[Look, ...]]
    judged: Mapping[str, str]

    def start(self, window: Observation) -> float:
        """When a window begins."""
        return self.began + window.begins * self.scale

    def end(self, window: Observation) -> float:
        """When it ends."""
        return self.began + window.ends * self.scale

    def seen(self, window: Observation) -> tuple[Look, ...]:
        """Its looks so far, oldest first."""
        return self.looks.get(window.step, ())

    @property
    def waiting(self) -> tuple[Observation, ...]:
        """The windows that have no verdict yet, in the order of their ends."""
        left = [one for one in self.windows if one.outlives and one.step not in self.judged]
        return tuple(sorted(left, key=lambda one: one.ends))


@dataclass(frozen=True)
class Finding:
    """What a window says: its verdict and why, how much of it was seen, and where it was not.

    ``gaps`` are pairs of times between which nothing is known.
    """

    verdict: str
    reason: str
    covered: float
    gaps: tuple[tuple[float, float], ...] = ()
    restarts: int = 0


def standing_watch(entries: Sequence[Entry]) -> Watch | None:
    """The watch over the live release; None when nothing is deployed or nothing is watched.

    A later deployment, or a rollback, ends it: the release that it was about is not live any more.
    """
    change = last_change(entries)
    if change is None or change.verdict != "deployed":
        return None
    begun = [e for e in change.entries if (e.phase, e.step) == BEGIN]
    if not begun:
        return None
    first = begun[-1]
    windows: list[dict[str, Any]] = first.state["windows"]
    after = [e for e in change.entries if e.seq > first.seq and e.phase == "observe"]
    return Watch(
        run=change.id,
        epoch=first.epoch,
        version=str(first.state["version"]),
        began=seconds(first.t_wall),
        scale=float(first.state["scale"]),
        windows=tuple(Observation(**{**w, "gates": tuple(w["gates"])}) for w in windows),
        looks=looks_of(after),
        judged={
            e.step: str(e.evidence.get("verdict")) for e in after if e.kind in ("done", "failed")
        },
    )


def looks_of(entries: Iterable[Entry]) -> dict[str, tuple[Look, ...]]:
    """The looks among a run's entries, by window."""
    found: dict[str, list[Look]] = {}
    for entry in entries:
        if entry.step.startswith(LOOK):
            told = entry.evidence
            look = Look(float(told["at"]), told["gates"], told.get("instances") or {})
            found.setdefault(entry.step.removeprefix(LOOK), []).append(look)
    return {window: tuple(sorted(looks, key=lambda one: one.at)) for window, looks in found.items()}


def seconds(text: str) -> float:
    """Seconds since 1970 of a time in the ledger."""
    return datetime.fromisoformat(text).timestamp()


def is_due(watch: Watch, window: Observation, now: float) -> bool:
    """True when a window wants a look now."""
    return watch.start(window) <= now <= watch.end(window) and next_look(watch, window) <= now


def next_look(watch: Watch, window: Observation) -> float:
    """When a window wants its next look: at its start, then a pace after the last one."""
    seen = watch.seen(window)
    return seen[-1].at + window.pace(watch.scale) if seen else watch.start(window)


def is_over(watch: Watch, window: Observation, now: float) -> bool:
    """True when a window can be judged: its time is over, or too many looks in a row were red."""
    return now >= watch.end(window) or bool(broken_gate(watch, window))


def next_moment(watch: Watch, now: float) -> float | None:
    """Seconds until somebody must look or judge; 0 when it is due, None when all is judged."""
    moments = [min(next_look(watch, one), watch.end(one)) for one in watch.waiting]
    return max(0.0, min(moments) - now) if moments else None


def broken_gate(watch: Watch, window: Observation) -> str:
    """The gate that was red in as many of the last known looks as the window allows; else nothing.

    A look that proves nothing neither adds to them nor takes any away.
    """
    for gate in window.gates:
        known = [v for v in verdicts_of(watch.seen(window), gate) if v != UNKNOWN]
        if len(known) >= window.red_after and set(known[-window.red_after :]) == {RED}:
            return gate
    return ""


def verdicts_of(looks: Iterable[Look], gate: str) -> list[str]:
    """What a gate said in each look; unknown where it was not asked."""
    return [str(look.gates.get(gate, {}).get("verdict", UNKNOWN)) for look in looks]


def judge_window(watch: Watch, window: Observation) -> Finding:
    """The verdict of a window that is over. What was not seen is not good."""
    looks = watch.seen(window)
    known = [look for look in looks if look.verdict != UNKNOWN]
    gaps = gaps_in(watch, window, known)
    length = watch.end(window) - watch.start(window)
    covered = max(0.0, 1 - sum(end - begin for begin, end in gaps) / length)
    restarts = restarts_in(looks)
    broken = broken_gate(watch, window)
    if broken:
        verdict, reason = RED, reason_of(looks, broken)
    elif not known:
        verdict, reason = UNKNOWN, unseen(looks)
    elif covered < window.coverage:
        verdict, reason = (
            UNKNOWN,
            f"only {covered:.0%} of it was seen, {window.coverage:.0%} must be",
        )
    else:
        verdict, reason = passed(window, looks, restarts)
    return Finding(verdict, reason, covered, gaps, restarts)


def passed(window: Observation, looks: Sequence[Look], restarts: int) -> tuple[str, str]:
    """Green, or amber with the reason."""
    for gate in window.gates:
        words = verdicts_of(looks, gate)
        if RED in words or AMBER in words:
            missed = sum(word in (RED, AMBER) for word in words)
            return AMBER, f"{gate} missed its target in {missed} of {len(looks)} looks"
    if restarts:
        return AMBER, f"the services restarted {restarts} times"
    return GREEN, f"{len(looks)} looks, all good"


def unseen(looks: Sequence[Look]) -> str:
    """Why a window without a look that counts proves nothing."""
    if not looks:
        return "nobody looked"
    reasons = [gate.get("reason") for gate in looks[-1].gates.values()]
    return f"no look gave a measurement: {next(filter(None, reasons), 'none was asked')}"


def reason_of(looks: Sequence[Look], gate: str) -> str:
    """What a gate said when it was last red."""
    found = [one.gates[gate] for one in looks if one.gates.get(gate, {}).get("verdict") == RED]
    return f"gate {gate}: {found[-1].get('reason', 'red')}"


def gaps_in(
    watch: Watch, window: Observation, known: Sequence[Look]
) -> tuple[tuple[float, float], ...]:
    """The times of a window that lie too far from any look that gave a measurement."""
    begin, end = watch.start(window), watch.end(window)
    room = window.pace(watch.scale) * SLACK
    moments = [begin, *(min(max(look.at, begin), end) for look in known), end]
    pairs = zip(moments, moments[1:])
    return tuple((before, after) for before, after in pairs if after - before > room)


def restarts_in(looks: Sequence[Look]) -> int:
    """How often another process answered than in the look before."""
    found = 0
    for before, after in zip(looks, looks[1:]):
        shared = before.instances.keys() & after.instances.keys()
        found += any(before.instances[name] != after.instances[name] for name in shared)
    return found
