"""How a run takes a host: a free one anew, or a killed run's from its dead controller.

The caller holds the step lock throughout, so that no step is at work meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .clock import Clock
from .errors import BadInput, LockHeld, Refused
from .history import RunSummary, last_change, live_release, runs, summarize, unfinished
from .journal import Run
from .ledger import Entry
from .lock import Lock, held_error


def begin(run: Run, plan: dict[str, Any], owner: dict[str, Any], entries: tuple[Entry, ...]) -> int:
    """Take a free system for a new run."""
    lock, left = Lock(run.state), unfinished(entries)
    if left is not None:
        raise held_error(lock.owner() or unlocked_owner(left), run.state)
    if any(summary.id == run.id for summary in runs(entries)):
        raise Refused(
            f"run {run.id} was begun on {run.host} before, and has ended: this command came twice",
            now="the run stands as it ended",
            untouched="this command changed nothing",
            next="start a new deployment",
        )
    held = lock.owner()
    if held is not None and not ended_well(str(held.get("run")), entries):
        raise held_error(held, run.state)
    refuse_if_outdated(run, plan, last_change(entries))
    if held is not None:
        lock.release()  # its controller died between the terminal entry and this
    return lock.acquire(run.id, {**owner, "to": plan.get("to")})


def refuse_if_outdated(run: Run, plan: dict[str, Any], last: RunSummary | None) -> None:
    """Raise Refused when the plan was made for another release than is live by now."""
    if last is None or plan.get("from", live_release(last)) == live_release(last):
        return
    raise Refused(
        f"{run.host} was to go from {plan['from']}, but run {last.id} ended meanwhile: "
        f"{live_release(last) or 'no release'} is live",
        now="the plan of this command is out of date",
        untouched="this command changed nothing",
        next="run the same command again",
    )


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
    """Give a killed run a new controller."""
    lock, left = Lock(run.state), unfinished(entries)
    held = lock.owner()
    known = left.id if left is not None else str((held or {}).get("run", ""))
    if known not in ("", run.id):
        raise Refused(
            f"there is no run {run.id} to resume on {run.host}: {known} is the unfinished one",
            now=f"run {known} holds the system",
            untouched="this command changed nothing",
            next=f"ansible-playbook deploy.yml -i <inventory> "
            f"-e release_version={(held or {}).get('to', '?')} -e resume={known}",
        )
    refuse_if_alive(lock, held, owner, clock)
    known_runs = runs(entries)
    for place, begun in enumerate(known_runs):
        if begun.id == run.id:
            refuse_if_changed(begun, plan)
            refuse_if_passed(begun, known_runs[place + 1 :])
    # A free host ended its part of the run before the controller died, or never began it.
    take = lock.take_over if known else lock.acquire
    return take(run.id, {**owner, "to": plan.get("to")})


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
            now=f"its rollback ended as {left.verdict}"
            if left.verdict
            else "its rollback stopped half-way",
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


def refuse_if_passed(begun: RunSummary, later: Sequence[RunSummary]) -> None:
    """Raise Refused when another run has gone on from where this one ended."""
    changed = [summary for summary in later if summary.verdict != "refused"]
    if changed:
        raise Refused(
            f"run {begun.id} ended here as {begun.verdict}, and run {changed[-1].id} came after it",
            now=f"run {changed[-1].id} is the last one",
            untouched="this command changed nothing",
            next="start a new deployment",
        )
