"""How a run ended, on each host and as a whole, read from the ledgers alone.

::

    deployed    the new release serves, the run is closed             exit 0; 21, 22 by a window
    staged      the new release lies ready, the former one serves     exit 0
    no_op       there was nothing to do                               exit 0
    passed      single phases, which open no run, went well           exit 0
    refused     refused before anything changed                       exit 10, 11, 12
    restored    taken back; the former state serves, verified         exit 20, 21, 22; on request 0
    unfinished  stopped half-way; can be resumed or taken back        exit 40
    unknown     the host's ledger could not be read                   exit 30
    fenced      services held by the start guard, a person needed     exit 30
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .account import Account, Step, mapping, state
from .text import number

BEST_FIRST = (
    "no_op",
    "passed",
    "staged",
    "deployed",
    "refused",
    "restored",
    "unfinished",
    "unknown",
    "fenced",
)
ENDINGS = frozenset({"deployed", "staged", "no_op", "refused", "restored", "fenced"})
QUIET_PHASES = frozenset({"preflight", "baseline", "report"})
"""Phases that change nothing of the system: a run that stopped in them was refused."""
REFUSALS = (10, 11, 12)


@dataclass(frozen=True)
class Ending:
    """How the run ended on one host; ``reason`` says why where that is not plain success."""

    host: str
    verdict: str
    release: str = ""
    data: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Cause:
    """The first thing that went wrong and was not made good again."""

    host: str
    phase: str
    step: str
    words: str
    parts: Mapping[str, Any]

    @property
    def code(self) -> int:
        """The exit code that the failing step gave its own kind of failure, 0 when none."""
        code = self.parts.get("code")
        return code if isinstance(code, int) and not isinstance(code, bool) else 0


def ending(account: Account, meta: Mapping[str, Any]) -> Ending:
    """How the run ended on one host."""
    host = account.host
    if account.damaged:
        return Ending(host, "unknown", reason=f"its ledger is not usable: {account.damaged}")
    if host in (meta.get("unreachable") or ()):
        return Ending(host, "unknown", reason="it could not be reached")
    if account.terminal is not None:
        return terminal_ending(account, meta)
    if not account.entries:
        return Ending(host, "unknown", reason="it has no entry of this run")
    if meta.get("kind") == "single" and all(s.outcome == "done" for s in account.steps):
        return Ending(host, "passed", former(meta, account))
    if all(s.phase in QUIET_PHASES and s.outcome != "open" for s in account.steps):
        failed = [s for s in account.latest().values() if s.outcome == "failed"]
        if failed:
            return Ending(host, "refused", former(meta, account), reason=words_of(failed[-1]))
    return Ending(host, "unfinished", serving(account, meta), reason=standstill(account))


def terminal_ending(account: Account, meta: Mapping[str, Any]) -> Ending:
    """The ending that the host's own terminal entry states."""
    stated = state(account.terminal or {})
    verdict = stated.get("verdict")
    if verdict == "nothing" or (verdict == "deployed" and account.plan.get("noop") is True):
        verdict = "no_op"
    if not isinstance(verdict, str) or verdict not in ENDINGS:
        return Ending(account.host, "unknown", reason="its terminal entry states no known verdict")
    new = verdict in ("deployed", "no_op")
    on_request = verdict == "no_op" and meta.get("kind") == "rollback"
    serves = "" if on_request else (wanted if new else former)(meta, account)
    release, reason = stated.get("release"), stated.get("reason")
    return Ending(
        account.host,
        verdict,
        "" if verdict == "fenced" else release if isinstance(release, str) else serves,
        reason=reason if isinstance(reason, str) else "",
    )


def run_endings(accounts: Iterable[Account], meta: Mapping[str, Any]) -> list[Ending]:
    """The endings of all planned hosts.

    A host without any entry was never touched, for nothing is done before the ledger has it: when
    the run was refused elsewhere before it changed anything, that host is refused with it.
    """
    found = [(a, ending(a, meta)) for a in accounts]
    begun = any(s.phase not in QUIET_PHASES for a, _ in found for s in a.steps)
    refused = any(e.verdict == "refused" for _, e in found) or (
        failure_parts(meta).get("code") in REFUSALS
    )
    if begun or not refused:
        return [e for _, e in found]
    return [refused_with(a, e, meta) for a, e in found]


def refused_with(account: Account, ended: Ending, meta: Mapping[str, Any]) -> Ending:
    """The ending of a host in a run that was refused before anything changed anywhere."""
    untouched = ended.verdict in ("unknown", "unfinished") and not account.damaged
    if not untouched or any(s.outcome == "open" for s in account.steps):
        return ended
    reason = ended.reason if ended.verdict == "unknown" and account.entries else ""
    if account.host in (meta.get("unreachable") or ()):
        reason = "it could not be reached"
    return Ending(account.host, "refused", former(meta, account), reason=reason)


def run_verdict(endings: Iterable[Ending]) -> str:
    """The worst verdict over the hosts.

    A run goes forward together or back together: new release here and former release there is
    ``unfinished``, whatever each host says.
    """
    found = {e.verdict for e in endings}
    if not found:
        return "unknown"
    worst = max(found, key=BEST_FIRST.index)
    return "unfinished" if "deployed" in found and worst in ("restored", "refused") else worst


def exit_code(verdict: str, kind: str, cause: Cause | None) -> int:
    """The exit code of the verdict; it is kept in the record."""
    code = cause.code if cause else 0
    if verdict == "refused":
        return code if code in REFUSALS else 10
    if verdict == "deployed":
        return code if code in (21, 22) else 0
    if verdict == "restored":
        return 0 if kind == "rollback" else code if code in (21, 22) else 20
    return {"staged": 0, "no_op": 0, "passed": 0, "unfinished": 40}.get(verdict, 30)


def failed_steps(accounts: Iterable[Account]) -> list[tuple[float, str, Step]]:
    """The steps whose last attempt failed, with moment and host."""
    return [
        (s.ended or s.began, a.host, s)
        for a in accounts
        for s in a.latest().values()
        if s.outcome == "failed"
    ]


def earliest(failed: list[tuple[float, str, Step]]) -> Cause:
    """The first of some failures."""
    _, host, step = min(failed, key=lambda f: (f[0], f[1]))
    return Cause(host, step.phase, step.name, words_of(step), step.error)


def find_setback(accounts: Iterable[Account]) -> Cause | None:
    """The first step of the way back that failed and was not made good."""
    failed = [f for f in failed_steps(accounts) if f[2].phase == "rollback"]
    return earliest(failed) if failed else None


def find_cause(accounts: Iterable[Account], meta: Mapping[str, Any]) -> Cause | None:
    """The earliest failure outside the rollback that no later attempt made good.

    A failure that reached no ledger (``meta.failure``) counts when the ledgers show none.
    """
    failed = [f for f in failed_steps(accounts) if f[2].phase != "rollback"]
    if failed:
        return earliest(failed)
    parts = failure_parts(meta)
    if not parts:
        return None
    words = str(parts.get("what") or parts.get("msg") or "it failed")
    place = [str(parts.get(k) or "") for k in ("host", "phase", "step")]
    return Cause(place[0], place[1], place[2], words, parts)


def failure_parts(meta: Mapping[str, Any]) -> dict[str, Any]:
    """The failure that reached no ledger, with the parts of its message; may be empty."""
    told = mapping(meta.get("failure"))
    return {**told, **mapping(told.get("stagegate"))}


def words_of(step: Step) -> str:
    """What a failed step said of itself."""
    said = step.error.get("what") or step.evidence.get("reason") or step.evidence.get("error")
    return said if isinstance(said, str) and said else f"{step.label} failed"


def standstill(account: Account) -> str:
    """Where an unfinished run stands on a host."""
    latest = list(account.latest().values())
    for wanted_outcome, words in (("open", "was begun and has no outcome"), ("failed", "failed")):
        found = [s.label for s in latest if s.outcome == wanted_outcome]
        if found:
            return f"{found[-1]} {words}"
    return f"nothing follows {latest[-1].label}" if latest else "no step was begun"


def serving(account: Account, meta: Mapping[str, Any]) -> str:
    """The release that serves on an unfinished host; empty when the ledger cannot tell."""
    switches = [s for s in account.steps if is_switch(s)]
    if not switches:
        return former(meta, account)
    whole = all(s.outcome == "done" for s in switches) and not account.began("rollback")
    return wanted(meta, account) if whole else ""


def is_switch(step: Step) -> bool:
    """True for the steps that put new data or code in the live place."""
    return step.phase == "restart" and step.name.startswith("activate")


def former(meta: Mapping[str, Any], account: Account | None = None) -> str:
    """The release before the run, on a host by its own ledger."""
    return release_of("from", meta, account)


def wanted(meta: Mapping[str, Any], account: Account | None = None) -> str:
    """The release the run was to bring, on a host by its own ledger."""
    return release_of("to", meta, account)


def release_of(end: str, meta: Mapping[str, Any], account: Account | None) -> str:
    """One end of the run's way: the host's plan knows it best."""
    plan = account.plan if account else {}
    return str((plan if end in plan else mapping(meta.get("release"))).get(end) or "")


def consent_needed(account: Account) -> int | None:
    """The rows whose loss a person must accept before this host can go back; None when none are.

    A store that was not put back after its written rows were counted waits for exactly that count.
    """
    latest = account.latest()
    stores = [s.name.partition(":")[2] for s in latest.values() if is_failed_restore(s)]
    counted = [latest.get(f"rollback.delta:{store}") for store in stores]
    counts = [number(step.known.get("count")) for step in counted if step is not None]
    return next((int(count) for count in counts if count), None)


def is_failed_restore(step: Step) -> bool:
    """True for a store that could not be put back."""
    return (step.phase, step.outcome) == ("rollback", "failed") and step.name.startswith("restore:")
