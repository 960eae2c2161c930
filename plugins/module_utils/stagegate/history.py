"""What a host's ledger says of its runs: which one is open, what is live, which way leads back.

Pure functions over entries. A run begins with its ``preflight.open`` entry and ends with a
terminal one; a resume takes it up again (``preflight.resume``), and so does a rollback on request
(``rollback.reopen``), so that everything a rollback needs is found among the entries of the run
that it undoes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .ledger import Entry

TAKEN_UP = (("preflight", "open"), ("preflight", "resume"), ("rollback", "reopen"))
"""The entries with which a run begins, goes on, or begins to go back: none of these is its end."""

STOPPING = {("quiesce", "hold"), ("rollback", "hold"), ("rollback", "fence")}
"""The steps that stop services: once one is begun, going back means to start them again."""


@dataclass(frozen=True)
class RunSummary:
    """One run as its entries tell it; ``verdict`` is empty while it is unfinished."""

    id: str
    plan: dict[str, Any]
    verdict: str
    entries: tuple[Entry, ...]

    @property
    def unfinished(self) -> bool:
        """True while the run holds the system."""
        return not self.verdict

    @property
    def went_back(self) -> bool:
        """True once a rollback began: from there a run only ever goes back."""
        return any(e.phase == "rollback" and e.kind != "observed" for e in self.entries)

    @property
    def went_forward(self) -> bool:
        """True once it did more than take the host, before any rollback of it."""
        around = ("preflight", "rollback", "report")
        return any(e.phase not in around and e.kind != "observed" for e in self.entries)

    @property
    def acted(self) -> bool:
        """True once it did more than take the host, since its beginning or its last end."""
        acted = False
        for entry in self.entries:
            if entry.kind == "terminal":
                acted = entry.state.get("verdict") == "fenced"
            elif (entry.phase, entry.step) not in TAKEN_UP and entry.kind != "observed":
                acted = True
        return acted


def runs(entries: Iterable[Entry]) -> list[RunSummary]:
    """The deployments in a ledger, oldest first; single phases that took no lock are left out."""
    grouped: dict[str, list[Entry]] = {}
    for entry in entries:
        grouped.setdefault(entry.run, []).append(entry)
    found = [summarize(run, group) for run, group in grouped.items()]
    return [summary for summary in found if summary.plan]


def summarize(run: str, entries: Sequence[Entry]) -> RunSummary:
    """One run from its entries."""
    plan: dict[str, Any] = {}
    verdict = ""
    for entry in entries:
        if (entry.phase, entry.step) == ("preflight", "open"):
            plan = dict(entry.state.get("plan") or {"kind": "deploy"})
        if entry.kind == "terminal":
            verdict = str(entry.state.get("verdict", "closed"))
        elif (entry.phase, entry.step) in TAKEN_UP:
            verdict = ""
    return RunSummary(run, plan, verdict, tuple(entries))


def before_taking_up(summary: RunSummary) -> RunSummary | None:
    """A run as it stood before it was last taken up; None when that was its beginning."""
    taken = [n for n, e in enumerate(summary.entries) if (e.phase, e.step) in TAKEN_UP]
    if len(taken) < 2:
        return None
    return summarize(summary.id, summary.entries[: taken[-1]])


def last_end(summary: RunSummary) -> str:
    """How a run ended when it last did; ``refused`` for one that never did."""
    ends = [e for e in summary.entries if e.kind == "terminal"]
    return str(ends[-1].state.get("verdict", "closed")) if ends else "refused"


def unfinished(entries: Iterable[Entry]) -> RunSummary | None:
    """The run that holds the system, or None."""
    found = [summary for summary in runs(entries) if summary.unfinished]
    return found[-1] if found else None


def last_change(entries: Iterable[Entry]) -> RunSummary | None:
    """The last deployment that ended with a release live or put back, or None."""
    found = [s for s in runs(entries) if s.verdict in ("deployed", "restored", "fenced")]
    return found[-1] if found else None


def last_effect(entries: Iterable[Entry]) -> RunSummary | None:
    """The last change but for those that were put back before they did anything, or None."""
    found = [s for s in runs(entries) if s.verdict in ("deployed", "restored", "fenced")]
    return next((s for s in reversed(found) if s.went_forward or s.verdict != "restored"), None)


def live_release(last: RunSummary | None) -> str:
    """The release that the last finished change left running; empty when there is none."""
    if last is None:
        return ""
    key = {"deployed": "to", "restored": "from"}.get(last.verdict, "")
    return str(last.plan.get(key) or "")


@dataclass(frozen=True)
class WayBack:
    """How a run is undone on one host (reliability classes R0 to R4).

    ``hold``: the services are stopped first. ``revert``: the migration's own way down is gone.
    ``data``: each store is put back, or proves that nothing half-made is left. ``keep``: the
    present data are copied as evidence, because they go on living. ``count``: the rows written
    since activation must be counted, and none may be lost unasked. ``to``: the release that runs
    afterwards, empty when there was none.
    """

    run: str
    name: str
    reason: str
    to: str = ""
    hold: bool = False
    revert: bool = False
    data: bool = False
    keep: bool = False
    count: bool = False

    @property
    def needed(self) -> bool:
        """False when there is nothing to put back."""
        return self.name != "none"


def admitted(summary: RunSummary | None) -> bool:
    """True when users may have written on the new release through this host.

    With a door (a proxy) that is the admission; with none it is the start itself, of a host on
    which services run.
    """
    if summary is None:
        return False
    begun = {(e.phase, e.step) for e in summary.entries}
    plan = summary.plan
    if plan.get("doors", "none") != "none":
        return ("admit", "open") in begun
    return bool(plan.get("serves", True)) and ("restart", "start") in begun


def way_back(summary: RunSummary | None, elsewhere: bool = False) -> WayBack:
    """The way back that the entries of one run allow.

    The line that decides is the first write that users may have made on the new release.
    ``elsewhere`` says that they may have made it through another host, of a store that hosts share.
    """
    if summary is None:
        return WayBack("", "none", "no run is recorded: nothing was deployed here")
    if summary.verdict in ("restored", "staged", "refused"):
        return WayBack(summary.id, "none", f"run {summary.id} ended as {summary.verdict}")
    begun = {(e.phase, e.step) for e in summary.entries}
    to = str(summary.plan.get("from") or "")
    if not begun & STOPPING:
        return WayBack(summary.id, "R0", "the services were never stopped", to)
    if downgradable(summary, begun):
        reason = "its migration leads down again, as the rehearsal proved"
        return WayBack(summary.id, "R3", reason, to, hold=True, revert=True, data=True, keep=True)
    switched_data = any(p == "restart" and s.startswith("activate:") for p, s in begun)
    if not (switched_data or ("restart", "activate_release") in begun):
        return WayBack(summary.id, "R0", "nothing was switched", to, hold=True, data=True)
    if not (elsewhere or admitted(summary)):
        return WayBack(summary.id, "R1", "no user had reached it", to, hold=True, data=True)
    if not switched_data:
        return WayBack(summary.id, "R2", "its data were never migrated", to, hold=True)
    stays = bool(to) or bool(summary.plan.get("in_place"))
    if summary.plan.get("migration_class", "compatible") == "compatible" and stays:
        reason = "the former release runs on the new schema, as the rehearsal proved"
        return WayBack(summary.id, "R2", reason, to, hold=True, keep=True)
    reason = "the former state cannot read what was written since"
    return WayBack(summary.id, "R4", reason, to, hold=True, data=True, keep=True, count=True)


def downgradable(summary: RunSummary, begun: set[tuple[str, str]]) -> bool:
    """True when a declared way down is to be gone: a migration of that class began in place."""
    if summary.plan.get("migration_class") != "reversible":
        return False
    return any(p == "migrate" and s.startswith("apply:") for p, s in begun)
