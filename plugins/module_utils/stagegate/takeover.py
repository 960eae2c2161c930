"""Who holds a system, and how the run of a dead controller gets a new one."""

from __future__ import annotations

from typing import Any

from .clock import Clock
from .errors import BadInput, LockHeld, Refused
from .history import RunSummary, last_change, live_release, summarize, unfinished
from .journal import Run
from .ledger import Entry, read_ledger
from .lock import Lock, held_error, told_silence
from .plan import lacking


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
    """Give a killed run a new controller. The caller holds the step lock: no step is at work."""
    lock, left = Lock(run.state), unfinished(entries)
    holder = holder_of(lock.owner(), entries)
    if holder is None:  # the controller died before this host's part began
        lock.release()
        return lock.acquire(run.id, {**owner, "to": plan.get("to")})
    if holder.get("run") != run.id:
        raise Refused(
            f"there is no run {run.id} to resume on {run.host}: "
            f"{holder.get('run')} is the unfinished one",
            now=f"run {holder.get('run')} holds the system",
            untouched="this command changed nothing",
            next=held_error(holder, run.state, clock).next,
        )
    if holder.get("fenced"):
        raise held_error(holder, run.state, clock)
    refuse_if_alive(lock, holder, owner, clock)
    if left is not None:
        refuse_if_changed(left, plan)
    return lock.take_over(run.id, {**owner, "to": plan.get("to")})


def refuse_unknown_run(run: Run, begun: list[str]) -> None:
    """Raise Refused when a run is to be resumed that is unfinished nowhere.

    ``begun`` has the runs that are unfinished on any host of this command: where a controller died
    while it took the locks, some hosts know nothing of its run.
    """
    entries = read_ledger(run.state / "ledger.jsonl").entries
    left = unfinished(entries)
    known = [*([left.id] if left else []), *begun, str((Lock(run.state).owner() or {}).get("run"))]
    if run.id in known:
        return
    deploy = "ansible-playbook deploy.yml -i <inventory> -e release_version=<version>"
    wanted = next((one for one in known if one != "None"), "")
    raise Refused(
        f"there is no run {run.id} to resume on {run.host}"
        + (f": {wanted} is the unfinished one" if wanted else ""),
        now=f"{live_release(last_change(entries)) or 'no release'} is live",
        untouched="this command changed nothing",
        next=f"{deploy} -e resume={wanted}" if wanted else f"begin one: {deploy}",
    )


def refuse_part_too_early(run: Run, parts: list[str]) -> None:
    """Raise Refused when a phase is asked for before the steps it stands on are in the ledger."""
    entries = read_ledger(run.state / "ledger.jsonl").entries
    left = unfinished(entries)
    if left is None or left.id != run.id:
        asked = ", ".join(parts)
        deploy = "ansible-playbook deploy.yml -i <inventory>"
        raise Refused(
            f"{asked} on {run.host} is a part of a run, and no run {run.id} is open",
            now=f"{live_release(last_change(entries)) or 'no release'} is live",
            untouched="this command changed nothing",
            next=f"go on with the open one: {deploy} -e release_version={left.plan.get('to')} "
            f"-e resume={left.id}"
            if left
            else f"begin one: {deploy} -e release_version=<version>",
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
            now="the rollback stopped half-way",
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
