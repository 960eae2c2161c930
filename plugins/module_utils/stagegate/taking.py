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
from .lock import Lock, held_error, told_silence
from .reserve import give_back, set_aside

NEW_RUN = "begin a new one: ansible-playbook deploy.yml -i <inventory> -e release_version=<version>"


def begin(run: Run, plan: dict[str, Any], owner: dict[str, Any], entries: tuple[Entry, ...]) -> int:
    """Take a free system for a new run."""
    lock = Lock(run.state)
    holder = holder_of(lock.owner(), entries)
    if holder is not None:
        raise held_error(holder, run.state)
    if any(summary.id == run.id for summary in runs(entries)):
        raise Refused(
            f"run {run.id} was begun on {run.host} before, and has ended: this command came twice",
            now="the run stands as it ended",
            untouched="this command changed nothing",
            next=NEW_RUN,
        )
    refuse_if_outdated(run, plan, last_change(entries))
    free_ended(run, entries)
    set_aside(run.state)
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


def holder_of(held: dict[str, Any] | None, entries: tuple[Entry, ...]) -> dict[str, Any] | None:
    """Who holds the system by its ledger and its lock; None when a run may begin.

    The ledger is believed before the lock: it knows of an unfinished run whose lock is gone or
    cannot be read, and of an ended one whose lock was left behind.
    """
    left = unfinished(entries)
    if left is not None:
        mine = held is not None and held.get("run") == left.id
        return held if mine else unlocked_owner(left)
    if held is None or ended_well(str(held.get("run")), entries):
        return None
    return {**held, "fenced": any(e.run == held.get("run") for e in entries)}


def ended_well(run: str, entries: tuple[Entry, ...]) -> bool:
    """True for a run that is closed and left nothing to a person."""
    mine = [entry for entry in entries if entry.run == run]
    return summarize(run, mine).verdict not in ("", "fenced")


def free_ended(run: Run, entries: tuple[Entry, ...]) -> None:
    """Free what a run left held whose last step died between its terminal entry and this.

    Nothing happens while the system is held.
    """
    lock = Lock(run.state)
    held = lock.owner()
    if held is not None and holder_of(held, entries) is None:
        give_back(run.state)
        lock.release()


def unlocked_owner(summary: RunSummary) -> dict[str, Any]:
    """The owner's record of an unfinished run whose lock is gone, from its own ledger."""
    told = [e.state["owner"] for e in summary.entries if isinstance(e.state.get("owner"), dict)]
    known = {"to": summary.plan.get("to"), "run": summary.id, "epoch": summary.entries[-1].epoch}
    return {**(told[-1] if told else {}), **known}


def take_over(
    run: Run,
    plan: dict[str, Any],
    owner: dict[str, Any],
    entries: tuple[Entry, ...],
    clock: Clock,
) -> int:
    """Give a killed run a new controller."""
    lock = Lock(run.state)
    holder = holder_of(lock.owner(), entries)
    if holder is not None and holder.get("run") != run.id:
        raise Refused(
            f"there is no run {run.id} to resume on {run.host}: "
            f"{holder.get('run')} is the unfinished one",
            now=f"run {holder.get('run')} holds the system",
            untouched="this command changed nothing",
            next=held_error(holder, run.state, clock).next,
        )
    if holder is not None and holder.get("fenced"):
        raise held_error(holder, run.state, clock)
    refuse_if_alive(lock, holder, owner, clock)
    known_runs = runs(entries)
    if all(known.id != run.id for known in known_runs):
        refuse_if_outdated(run, plan, last_change(entries))
    for place, begun in enumerate(known_runs):
        if begun.id == run.id:
            refuse_if_changed(begun, plan)
            refuse_if_passed(begun, known_runs[place + 1 :])
            refuse_if_moved(run, begun, last_change(entries))
    free_ended(run, entries)
    set_aside(run.state)
    take = lock.acquire if holder is None else lock.take_over
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
        f"started by {held.get('operator', '?')} on {held.get('controller', '?')}; "
        f"{told_silence(lock.silence(clock))}",
        now="its controller may still be alive; from here it cannot be seen",
        untouched="this command changed nothing",
        next="stop that controller, or wait two minutes, and run the same command again",
    )


def meant(key: str) -> str:
    """What a part of a plan's identity stands for, where its name does not say it."""
    return " (of its stores, release, services and gates)" if key == "inputs" else ""


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
                f"run {left.id} was begun with {key} {left.plan.get(key)!r}{meant(key)}, "
                f"this command says {plan.get(key)!r}",
                now="the run is unfinished, the lock is held",
                untouched="this command changed nothing",
                next=f"go on as it was begun: ansible-playbook deploy.yml -i <inventory> "
                f"-e release_version={left.plan.get('to')} -e resume={left.id}, "
                "or put it back: ansible-playbook playbooks/rollback.yml -i <inventory>",
            )


def refuse_if_passed(begun: RunSummary, later: Sequence[RunSummary]) -> None:
    """Raise Refused when another run has gone on from where this one ended."""
    changed = [summary for summary in later if summary.verdict != "refused"]
    if changed:
        raise Refused(
            f"run {begun.id} ended here as {begun.verdict}, and run {changed[-1].id} came after it",
            now=f"run {changed[-1].id} is the last one",
            untouched="this command changed nothing",
            next=NEW_RUN,
        )


def refuse_if_moved(run: Run, begun: RunSummary, last: RunSummary | None) -> None:
    """Raise Refused when an older run was put back here since this one was begun.

    It stands before this one among the runs, and the release that this one left is not live.
    """
    was, live = begun.plan.get("from"), live_release(last)
    if last is None or last.id == begun.id or was in (None, live):
        return
    raise Refused(
        f"run {begun.id} was to go from {was} on {run.host}, but run {last.id} was put back "
        f"meanwhile: {live or 'no release'} is live",
        now=f"{live or 'no release'} is live on {run.host}",
        untouched="this command changed nothing",
        next="put back what the run did on other hosts: ansible-playbook playbooks/rollback.yml "
        f"-i <inventory>; then {NEW_RUN}",
    )
