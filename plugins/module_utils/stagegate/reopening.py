"""How the last change is taken back into hand, to be undone under its own id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

from .clock import Clock, SystemClock
from .errors import Interrupted
from .history import RunSummary, WayBack, last_change, unfinished, way_back
from .journal import Journal, Run, check_fence
from .ledger import read_ledger
from .lock import Lock
from .reserve import give_back
from .step_lock import step_lock
from .taking import free_ended, holder_of, refuse_if_alive
from .trouble import refusing_trouble


def reopen_run(
    run: Run, owner: dict[str, Any], elsewhere: bool, together: Sequence[str] = ()
) -> tuple[Run, dict[str, Any]]:
    """Take the system to put its last change back; return that run's context and its way back.

    ``elsewhere``: users may have reached the new release through another host of a shared store.
    ``together``: the runs that go back on all hosts; a finished one of another id stays.
    An unfinished run is taken over; a finished one is opened again under its own id, so that every
    path the rollback uses stands among its entries. With nothing to put back nothing is taken.
    The room that a run set aside is free from here on, for what the way back writes.
    """
    clock = SystemClock()
    with step_lock(run.state), refusing_trouble(run.state):
        ledger = read_ledger(run.state / "ledger.jsonl")
        entries, lock = ledger.entries, Lock(run.state)
        held = holder_of(lock.owner(), entries)
        if held is not None and not any(e.run == held.get("run") for e in entries):
            return run, asdict(forget(lock, held, owner, clock))
        summary = unfinished(entries) or last_change(entries)
        way = way_back(summary, elsewhere)
        if summary is not None and summary.verdict and together and summary.id not in together:
            return run, asdict(untouched(summary, together))
        ours = run.exclusive and summary is not None and summary.id == run.id
        if summary is None or not (ours or way.needed):
            free_ended(run, entries)
            return replace(run, id=way.run or run.id), asdict(way)
        if ours:
            check_fence(run)
        else:
            refuse_if_alive(lock, held, owner, clock)
        give_back(run.state)
        free_ended(run, entries)
        # By a new epoch, which fences a step of the way forward that was given up and comes late.
        take = lock.acquire if held is None else lock.take_over
        epoch = take(summary.id, {**owner, "to": summary.plan.get("to")})
        mine = Run(summary.id, epoch, run.system, run.host, run.state)
        journal = Journal(mine, clock, ledger)
        try:
            lock.beat(clock)
            journal.note("rollback", "reopen", state={"owner": owner, "way_back": asdict(way)})
        except (OSError, Interrupted) as error:
            if held is None:
                lock.release()
            raise (journal.lost or error) from error
    return mine, asdict(way)


def forget(lock: Lock, held: dict[str, Any], owner: dict[str, Any], clock: Clock) -> WayBack:
    """Free a system whose holder died before its first entry, and so before its first act."""
    refuse_if_alive(lock, held, owner, clock)
    give_back(lock.state)
    lock.release()
    return WayBack(str(held.get("run")), "none", f"run {held.get('run')} died before its first act")


def untouched(last: RunSummary, together: Sequence[str]) -> WayBack:
    """The way back of a host that the runs which go back never changed: there is none."""
    reason = f"{', '.join(together)} changed nothing here; {last.id} stays as it is"
    return WayBack(last.id, "none", reason)


def going_back(holders: Iterable[str], last_ids: Iterable[str]) -> list[str]:
    """The runs that a rollback over all hosts is about: those that hold any, else the newest.

    A run goes back together. Without this a host that the run had not reached yet would put back
    the change before it. Ids begin with the moment, so that the newest sorts last.
    """
    left = sorted({run for run in holders if run})
    return left or sorted({run for run in last_ids if run})[-1:]
