"""The acts that begin, observe and end a run on one host."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .clock import SystemClock
from .errors import GateRed, Refused
from .history import (
    RunSummary,
    admitted,
    before_taking_up,
    last_change,
    live_release,
    runs,
    summarize,
    unfinished,
)
from .journal import Journal, Run, open_journal, step_lock
from .ledger import read_ledger
from .lock import Lock, held_error
from .plan import lacking
from .taking import begin, ended_well, take_over, unlocked_owner


def observe_host(run: Run, expect_free: bool = False) -> dict[str, Any]:
    """What the ledger says, read without a lock: this run, the open one, the last change, the live.

    Raises LockHeld for a run that holds the system where a free one is expected; whether it is
    free is proved again under the step lock, when it is taken.
    """
    entries = read_ledger(run.state / "ledger.jsonl").entries
    open_run, last = unfinished(entries), last_change(entries)
    held = Lock(run.state).owner()
    if expect_free and open_run is not None:
        raise held_error(held or unlocked_owner(open_run), run.state)
    waiting = held is not None and not ended_well(str(held.get("run")), entries)
    if expect_free and held is not None and waiting:
        raise held_error(held, run.state)
    return {
        "mine": brief(next((s for s in runs(entries) if s.id == run.id), None)),
        "unfinished": brief(open_run),
        "last": brief(last),
        "live": live_release(last),
        "owner": held,
        "holder": str((held or {}).get("run", "")) if waiting else "",
        "admitted": admitted(open_run or last),
    }


def brief(summary: RunSummary | None) -> dict[str, Any] | None:
    """The part of a run's summary that plays decide by."""
    if summary is None:
        return None
    return {
        "id": summary.id,
        "plan": summary.plan,
        "verdict": summary.verdict,
        "went_back": summary.went_back,
    }


def open_run(
    run: Run,
    plan: dict[str, Any],
    owner: dict[str, Any],
    resume: bool,
    signed: dict[str, Any] | None = None,
) -> int:
    """Take the system for a run, or take over one that was killed; return the epoch.

    ``signed`` has the digest of the whole run's plan and the sign-offs for it, to be kept.

    Raises LockHeld while another run holds it, Refused when there is nothing to resume, or when
    what should be resumed is not what was begun. A plan that changes nothing takes no lock: it is
    written down, and the epoch is 0.
    """
    clock = SystemClock()
    if plan.get("noop"):
        with open_journal(replace(run, exclusive=False)) as journal:
            state = {"verdict": "no_op", "release": plan.get("to")}
            journal.note("preflight", "noop", state=state, kind="terminal")
        return 0
    with step_lock(run.state):
        entries = read_ledger(run.state / "ledger.jsonl").entries
        epoch = (
            take_over(run, plan, owner, entries, clock)
            if resume
            else begin(run, plan, owner, entries)
        )
        Lock(run.state).beat(clock)
    held = Run(run.id, epoch, run.system, run.host, run.state)
    with open_journal(held) as journal:
        step = "resume" if resume and journal.of_run() else "open"
        state = {"plan": plan, "owner": owner, **(signed or {})}
        kind = "observed" if step == "resume" else "done"
        journal.note("preflight", step, state=state, kind=kind)
    return epoch


def refuse_part_too_early(run: Run, parts: list[str]) -> None:
    """Raise Refused when a phase is asked for before the steps it stands on are in the ledger."""
    entries = read_ledger(run.state / "ledger.jsonl").entries
    left = unfinished(entries)
    if left is None or left.id != run.id:
        asked = ", ".join(parts)
        raise Refused(
            f"{asked} on {run.host} is a part of a run, and no run {run.id} is open",
            now=f"{live_release(last_change(entries)) or 'no release'} is live",
            untouched="this command changed nothing",
            next="ansible-playbook deploy.yml -i <inventory> -e release_version=…"
            + (f" -e resume={left.id}" if left else ""),
        )
    done = {(e.phase, e.step) for e in left.entries if e.kind == "done"}
    for phase in parts:
        step = lacking(phase, done, left.plan.get("migrate") or {})
        if step:
            raise Refused(
                f"{phase} on {run.host} must wait: run {run.id} has not done {step}",
                now="the run is unfinished, the lock is held",
                untouched="this command changed nothing",
                next=f"ansible-playbook deploy.yml -i <inventory> "
                f"-e release_version={left.plan.get('to')} -e resume={run.id}",
            )


def judge_smoke(run: Run, phase: str, outcome: dict[str, Any], expected: int) -> None:
    """Record a smoke suite's outcome; raise GateRed unless exactly all expected tests passed."""
    with open_journal(run) as journal, journal.step(phase, "smoke", {}) as step:
        step.evidence(outcome)
        failures = outcome.get("failures", [])
        ran = int(outcome.get("tests", 0))
        if failures or ran != expected or int(outcome.get("passed", 0)) != expected:
            first = failures[0] if failures else {}
            reason = (
                f"{first.get('name')}: {first.get('message')}"
                if first
                else f"{ran} tests ran where {expected} must"
            )
            raise GateRed(
                f"smoke on {run.host}: {outcome.get('passed', 0)} of {expected} passed; {reason}",
                now="the release under test does not do what it must",
                untouched="hosts of later waves",
                next="read the smoke results in the report",
            )
        step.done()


def warn_of_no_return(run: Run, plan: dict[str, Any]) -> str:
    """Say, and write down, that no rollback will be automatic once users are admitted."""
    text = (
        f"{run.host}: from here on going back from {plan['to']} to {plan['from']} loses what users "
        "write, and needs -e accept_data_loss=<the exact count>: its migration is one_way"
    )
    with open_journal(run) as journal:
        journal.note("admit", "no_return", evidence={"said": text})
    return text


def close_run(run: Run, verdict: str, evidence: dict[str, Any]) -> list[dict[str, Any]]:
    """Write the terminal entry, free the system, and return the run's entries.

    Closing twice adds nothing. A fenced or unfinished run keeps its lock: the entries alone are
    returned.
    """
    with open_journal(run) as journal:
        ending = what_stood(journal) if verdict == "refused" else verdict
        if run.exclusive and ending != "unfinished":
            if not is_closed(journal):
                kept = {"verdict": ending}
                journal.note("report", "close", evidence, state=kept, kind="terminal")
            if ending != "fenced":
                Lock(run.state).release()
        return [dict(vars(entry)) for entry in journal.of_run()]


def what_stood(journal: Journal) -> str:
    """The verdict that a refusal leaves: a run that was only taken up again stands as it stood."""
    before = before_taking_up(summarize(journal.run.id, journal.of_run()))
    return "refused" if before is None else before.verdict or "unfinished"


def is_closed(journal: Journal) -> bool:
    """True when the run's last word is a terminal entry."""
    mine = journal.of_run()
    return bool(mine) and mine[-1].kind == "terminal"
