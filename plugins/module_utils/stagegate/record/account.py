"""One host's part of a run, read from its ledger entries.

Entries arrive as plain dictionaries from hosts that may be hostile: whatever has not the form of an
entry makes the host's account ``damaged``, and a damaged account proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ..history import TAKEN_UP
from .text import bounded, number

Entry = dict[str, Any]

OPENING = "intent"
CLOSING = ("done", "failed")
KINDS = (OPENING, *CLOSING, "observed", "terminal")
TEXTS = ("phase", "step", "kind")
MOST_ENTRIES = 20_000
"""Entries of one run on one host; a run of this project writes some dozens."""


@dataclass(frozen=True)
class Step:
    """One announced step and how it ended: ``done``, ``failed`` or ``open``.

    ``began`` and ``ended`` are seconds since the epoch on the host's steady clock, set by the wall
    clock at the host's first entry; ``ended`` is None while the step is open.
    """

    phase: str
    name: str
    outcome: str
    began: float
    ended: float | None
    state: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The step as a checklist names it: phase.step."""
        return f"{self.phase}.{self.name}"

    @property
    def known(self) -> dict[str, Any]:
        """What the step recorded, evidence and state in one; state wins."""
        return {**self.evidence, **self.state}

    @property
    def error(self) -> Mapping[str, Any]:
        """The parts of the failure's message, empty when it recorded none."""
        return mapping(self.evidence.get("error"))


@dataclass(frozen=True)
class Account:
    """What one host's ledger says of one run."""

    host: str
    entries: tuple[Entry, ...] = ()
    steps: tuple[Step, ...] = ()
    terminal: Entry | None = None
    damaged: str = ""

    @property
    def plan(self) -> dict[str, Any]:
        """What the run was to do on this host, as it was when the run began."""
        opened = [e for e in self.entries if (e["phase"], e["step"]) == ("preflight", "open")]
        return mapping(state(opened[-1]).get("plan")) if opened else {}

    def latest(self) -> dict[str, Step]:
        """The last attempt of each step, by label, in the order of the last attempts."""
        found: dict[str, Step] = {}
        for step in self.steps:
            found.pop(step.label, None)
            found[step.label] = step
        return found

    def began(self, *phases: str) -> bool:
        """True when a step of one of the phases was announced."""
        return any(s.phase in phases for s in self.steps)


def read_account(host: str, entries: object, run: str) -> Account:
    """The host's account in a run; entries of other runs are left out."""
    if not isinstance(entries, (list, tuple)):
        return Account(host, damaged="its entries are not a list")
    if len(entries) > MOST_ENTRIES:
        return Account(host, damaged=f"it sent {len(entries)} entries for one run")
    good: list[Entry] = []
    for place, raw in enumerate(entries, start=1):
        reason = fault(raw)
        if reason:
            return Account(host, tuple(good), damaged=f"entry {place} {reason}")
        if raw.get("run") in (None, run):
            good.append(bounded(raw))
    good.sort(key=lambda e: e["seq"])
    return Account(host, tuple(good), tuple(pair_steps(good)), standing_terminal(good))


def fault(raw: object) -> str:
    """Why this is no ledger entry, or nothing."""
    if not isinstance(raw, dict):
        return "is not an object"
    wrong = [key for key in TEXTS if not isinstance(raw.get(key), str)]
    if wrong:
        return f"has no text in {', '.join(wrong)}"
    if raw["kind"] not in KINDS:
        return "has an unknown kind"
    if not isinstance(raw.get("seq"), int) or isinstance(raw["seq"], bool):
        return "has no sequence number"
    return ""


def standing_terminal(entries: Sequence[Entry]) -> Entry | None:
    """The last terminal entry, unless the run was taken up again after it.

    Steps alone do not do that: the host of a door works for others after its own part is closed.
    """
    for entry in reversed(entries):
        if entry["kind"] == "terminal":
            return entry
        if (entry["phase"], entry["step"]) in TAKEN_UP:
            return None
    return None


def pair_steps(entries: Sequence[Entry]) -> list[Step]:
    """Every attempt of every step, by its beginning; an attempt that was begun anew stays open."""
    steps: list[Step] = []
    opened: dict[tuple[str, str], int] = {}
    for entry, moment in timed(entries):
        key = (entry["phase"], entry["step"])
        if entry["kind"] == OPENING:
            opened[key] = len(steps)
            steps.append(Step(*key, "open", moment, None))
        elif entry["kind"] in CLOSING:
            index = opened.pop(key, None)
            began = moment if index is None else steps[index].began
            step = Step(*key, entry["kind"], began, moment, state(entry), evidence(entry))
            if index is None:
                steps.append(step)
            else:
                steps[index] = step
    return steps


def timed(entries: Sequence[Entry]) -> Iterator[tuple[Entry, float]]:
    """Each entry with its moment: steady within one boot, by the wall clock between boots."""
    origin: tuple[object, float, float] | None = None
    for entry in entries:
        wall, mono, boot = moment(entry.get("t_wall")), entry.get("t_mono"), entry.get("boot_id")
        steady = number(mono)
        if steady is None or wall is None:
            yield entry, wall or 0.0
            continue
        if origin is None or origin[0] != boot:
            origin = (boot, wall, steady)
        yield entry, origin[1] + steady - origin[2]


def moment(value: object) -> float | None:
    """Seconds since the epoch of an ISO 8601 time or of a number, None for anything else."""
    if not isinstance(value, str):
        return number(value)
    try:
        found = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()


def iso(seconds: float | None) -> str:
    """Seconds since the epoch as UTC text to the second; empty when unknown or out of range."""
    if seconds is None or not 0 < seconds < 32_503_680_000:
        return ""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def state(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the entry keeps for going back."""
    return mapping(entry.get("state"))


def evidence(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the entry shows in the report."""
    return mapping(entry.get("evidence"))


def mapping(value: object) -> dict[str, Any]:
    """The value when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}
