"""The acts that begin, observe and end a run on one host."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .clock import SystemClock
from .errors import GateRed, Interrupted
from .exposure import refuse_exposed
from .history import (
    RunSummary,
    admitted,
    before_taking_up,
    last_change,
    last_effect,
    live_release,
    runs,
    summarize,
    unfinished,
)
from .journal import Journal, Run, open_journal
from .ledger import read_ledger
from .lock import Lock, held_error
from .overlap import read_machine
from .reserve import give_back
from .step_lock import step_lock
from .taking import begin, ended_well, free_ended, holder_of, take_over
from .trouble import refusing_trouble


def observe_host(run: Run, expect_free: bool = False) -> dict[str, Any]:
    """What the ledger says, read without a lock: this run, the open one, the last change, the live.

    Raises LockHeld for a run that holds the system where a free one is expected; whether it is
    free is proved again under the step lock, when it is taken. Raises Refused where others could
    have written what is read.
    """
    refuse_exposed(run.state)
    entries = read_ledger(run.state / "ledger.jsonl").entries
    open_run, last = unfinished(entries), last_change(entries)
    held = Lock(run.state).owner()
    holder = holder_of(held, entries)
    if expect_free and holder is not None:
        raise held_error(holder, run.state)
    holding = str((holder or {}).get("run", ""))
    return {
        "mine": brief(next((s for s in runs(entries) if s.id == run.id), None)),
        "unfinished": brief(open_run),
        "last": brief(last),
        "effect": brief(last_effect(entries)),
        "live": live_release(last),
        "owner": held,
        "holder": holding,
        "acted": any(s.id == holding and s.acted for s in runs(entries)),
        "admitted": admitted(open_run or last),
        "machine": read_machine(SystemClock()),
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

    Raises LockHeld while another run holds it, Refused when there is nothing to resume, when
    what should be resumed is not what was begun, or when the disk does not take the lock: then it
    is free as before. A plan that changes nothing takes no lock: it is written down, and the epoch
    is 0.
    """
    clock = SystemClock()
    if plan.get("noop"):
        with open_journal(replace(run, exclusive=False)) as journal, refusing_trouble(run.state):
            free_ended(run, journal.entries)
            state = {"verdict": "no_op", "release": plan.get("to")}
            if not ended_well(run.id, journal.entries):
                journal.note("preflight", "noop", state=state, kind="terminal")
        return 0
    with step_lock(run.state), refusing_trouble(run.state):
        ledger = read_ledger(run.state / "ledger.jsonl")
        epoch = (
            take_over(run, plan, owner, ledger.entries, clock)
            if resume
            else begin(run, plan, owner, ledger.entries)
        )
        held = Run(run.id, epoch, run.system, run.host, run.state)
        journal = Journal(held, clock, ledger)
        step = "resume" if resume and journal.of_run() else "open"
        try:
            Lock(run.state).beat(clock)
            state = {"plan": plan, "owner": owner, **(signed or {})}
            kind = "observed" if step == "resume" else "done"
            journal.note("preflight", step, state=state, kind=kind)
        except (OSError, Interrupted) as error:
            if step == "open":  # a lock of which no ledger tells would be a riddle
                Lock(run.state).release()
            raise (journal.lost or error) from error
    return epoch


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
    returned. A refusal leaves a run that was only taken up again as it stood.
    """
    with open_journal(run) as journal:
        ending = what_stood(journal) if verdict == "refused" else verdict
        if run.exclusive and ending != "unfinished":
            if not is_closed(journal):
                kept = {"verdict": ending}
                journal.note("report", "close", evidence, state=kept, kind="terminal")
            if ending != "fenced":
                give_back(run.state)
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
