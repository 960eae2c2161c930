"""How the last change is taken back into hand, to be undone under its own id."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from .clock import Clock, SystemClock
from .conduct import refuse_if_alive
from .history import WayBack, last_change, unfinished, way_back
from .journal import Run, open_journal, step_lock
from .ledger import read_ledger
from .lock import Lock
from .reserve import give_back


def reopen_run(run: Run, owner: dict[str, Any], elsewhere: bool) -> tuple[Run, dict[str, Any]]:
    """Take the system to put its last change back; return that run's context and its way back.

    ``elsewhere``: users may have reached the new release through another host of a shared store.
    An unfinished run is taken over; a finished one is opened again under its own id, so that every
    path the rollback uses stands among its entries. With nothing to put back nothing is taken.
    The room that a run set aside is free from here on, for what the way back writes.
    """
    clock = SystemClock()
    with step_lock(run.state):
        entries = read_ledger(run.state / "ledger.jsonl").entries
        lock = Lock(run.state)
        held = lock.owner()
        if held is not None and not any(e.run == held.get("run") for e in entries):
            return run, asdict(forget(lock, held, owner, clock))
        summary = unfinished(entries) or last_change(entries)
        way = way_back(summary, elsewhere)
        ours = run.exclusive and summary is not None and summary.id == run.id
        if summary is None or not (ours or way.needed):
            return replace(run, id=way.run or run.id), asdict(way)
        epoch = run.epoch
        if not ours and held is not None:
            refuse_if_alive(lock, held, owner, clock)
        give_back(run.state)
        if not ours:
            take = lock.acquire if held is None else lock.take_over
            epoch = take(summary.id, {**owner, "to": summary.plan.get("to")})
            lock.beat(clock)
    mine = Run(summary.id, epoch, run.system, run.host, run.state)
    with open_journal(mine) as journal:
        journal.note("rollback", "reopen", state={"owner": owner, "way_back": asdict(way)})
    return mine, asdict(way)


def forget(lock: Lock, held: dict[str, Any], owner: dict[str, Any], clock: Clock) -> WayBack:
    """Free a system whose holder died before its first entry, and so before its first act."""
    refuse_if_alive(lock, held, owner, clock)
    give_back(lock.state)
    lock.release()
    return WayBack(str(held.get("run")), "none", f"run {held.get('run')} died before its first act")
