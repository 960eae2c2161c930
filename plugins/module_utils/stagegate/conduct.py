"""The acts that begin, observe and end a run on one host."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from .clock import Clock, SystemClock
from .errors import BadInput, GateRed, LockHeld, Refused
from .exposure import refuse_exposed
from .history import RunSummary, admitted, last_change, summarize, unfinished
from .journal import Journal, Run, open_journal, step_lock
from .ledger import Entry, read_ledger
from .lock import Lock, held_error
from .plan import lacking


def observe_host(run: Run, expect_free: bool = False) -> dict[str, Any]:
    """What the ledger says, read without a lock: the open run, the last change, what is live.

    Raises LockHeld for a run that holds the system where a free one is expected; whether it is
    free is proved again under the step lock, when it is taken. Raises Refused where others could
    have written what is read.
    """
    refuse_exposed(run.state)
    entries = read_ledger(run.state / "ledger.jsonl").entries
    open_run, last = unfinished(entries), last_change(entries)
    held = Lock(run.state).owner()
    if expect_free and open_run is not None:
        raise held_error(held or unlocked_owner(open_run), run.state)
    if expect_free and held is not None and not ended_well(str(held.get("run")), entries):
        raise held_error(held, run.state)
    return {
        "unfinished": brief(open_run),
        "last": brief(last),
        "live": live_release(last),
        "owner": held,
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


def live_release(last: RunSummary | None) -> str:
    """The release that the last finished change left running; empty when there is none."""
    if last is None:
        return ""
    key = {"deployed": "to", "restored": "from"}.get(last.verdict, "")
    return str(last.plan.get(key) or "")


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


def begin(run: Run, plan: dict[str, Any], owner: dict[str, Any], entries: tuple[Entry, ...]) -> int:
    """Take a free system for a new run."""
    lock, left = Lock(run.state), unfinished(entries)
    if left is not None:
        raise held_error(lock.owner() or unlocked_owner(left), run.state)
    held = lock.owner()
    if held is not None and ended_well(str(held.get("run")), entries):
        lock.release()  # its controller died between the terminal entry and this
    return lock.acquire(run.id, {**owner, "to": plan.get("to")})


def ended_well(run: str, entries: tuple[Entry, ...]) -> bool:
    """True for a run that is closed and left nothing to a person."""
    mine = [entry for entry in entries if entry.run == run]
    return summarize(run, mine).verdict not in ("", "fenced")


def unlocked_owner(summary: RunSummary) -> dict[str, Any]:
    """The owner's record of an unfinished run whose lock is gone, from its own ledger."""
    state = summary.entries[0].state
    return {**state.get("owner", {}), "run": summary.id, "epoch": summary.entries[0].epoch}


def take_over(
    run: Run,
    plan: dict[str, Any],
    owner: dict[str, Any],
    entries: tuple[Entry, ...],
    clock: Clock,
) -> int:
    """Give a killed run a new controller. The caller holds the step lock: no step is at work."""
    lock, left = Lock(run.state), unfinished(entries)
    held = lock.owner()
    known = left.id if left is not None else str((held or {}).get("run", ""))
    if not known:  # this host ended its part of the run before the controller died, or never began
        return lock.acquire(run.id, {**owner, "to": plan.get("to")})
    if known != run.id:
        raise Refused(
            f"there is no run {run.id} to resume on {run.host}: {known} is the unfinished one",
            now=f"run {known} holds the system",
            untouched="this command changed nothing",
            next=f"ansible-playbook deploy.yml -i <inventory> "
            f"-e release_version={(held or {}).get('to', '?')} -e resume={known}",
        )
    refuse_if_alive(lock, held, owner, clock)
    if left is not None:
        refuse_if_changed(left, plan)
    return lock.take_over(run.id, {**owner, "to": plan.get("to")})


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


def refuse_if_alive(
    lock: Lock, held: dict[str, Any] | None, owner: dict[str, Any], clock: Clock
) -> None:
    """Raise LockHeld unless the holder is known dead, or has been silent for long enough."""
    gone = held is not None and held.get("controller_id") in owner.get("dead", [])
    if held is None or gone or lock.is_stale(clock):
        return
    raise LockHeld(
        f"run {held.get('run')} was at work less than two minutes ago, "
        f"started by {held.get('operator')} on {held.get('controller')}",
        now="its controller may still be alive; from here it cannot be seen",
        untouched="this command changed nothing",
        next="stop that controller, or wait two minutes, and run the same command again",
    )


def refuse_if_changed(left: RunSummary, plan: dict[str, Any]) -> None:
    """Raise Refused when a run would be resumed forward as something else than it was begun as."""
    if left.went_back:
        raise Refused(
            f"run {left.id} was already going back: it can only go on going back",
            now="the rollback stopped half-way",
            untouched="this command changed nothing",
            next="ansible-playbook playbooks/rollback.yml -i <inventory>",
        )
    for key in ("to", "digest", "inputs"):
        if left.plan.get(key) != plan.get(key):
            raise BadInput(
                f"run {left.id} was begun with {key} {left.plan.get(key)!r}, "
                f"this command says {plan.get(key)!r}",
                now="the run is unfinished, the lock is held",
                untouched="this command changed nothing",
                next=f"give -e release_version={left.plan.get('to')} -e resume={left.id}, "
                "or ansible-playbook playbooks/rollback.yml -i <inventory>",
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
        if run.exclusive and verdict != "unfinished":
            if not is_closed(journal):
                kept = {"verdict": verdict}
                journal.note("report", "close", evidence, state=kept, kind="terminal")
            if verdict != "fenced":
                Lock(run.state).release()
        return [asdict(entry) for entry in journal.of_run()]


def is_closed(journal: Journal) -> bool:
    """True when the run's last word is a terminal entry."""
    mine = journal.of_run()
    return bool(mine) and mine[-1].kind == "terminal"
