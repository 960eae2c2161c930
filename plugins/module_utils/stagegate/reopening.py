"""How the last change is taken back into hand, to be undone under its own id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from .clock import SystemClock
from .errors import Interrupted, Refused
from .history import (
    RunSummary,
    WayBack,
    last_change,
    last_effect,
    last_end,
    summarize,
    unfinished,
    way_back,
)
from .journal import Journal, Run, check_fence
from .ledger import Entry, Ledger, read_ledger
from .lock import Lock
from .reserve import give_back
from .step_lock import step_lock
from .taking import free_ended, holder_of, refuse_if_alive
from .trouble import refusing_trouble


def reopen_run(
    run: Run,
    owner: dict[str, Any],
    elsewhere: bool,
    together: Sequence[str] = (),
    begun: Sequence[str] = (),
) -> tuple[Run, dict[str, Any]]:
    """Take the system to put its last change back; return that run's context and its way back.

    ``elsewhere``: users may have reached the new release through another host of a shared store.
    ``together``: the runs that go back on all hosts. A finished run of another id stays. Of those
    that held a host when this was decided, ``begun``, one that did no more than that is let go;
    raises Refused for one that went to work since, or began since.
    An unfinished run is taken over; a finished one is opened again under its own id, so that every
    path the rollback uses stands among its entries. With nothing to put back nothing is taken.
    The room that a run set aside is free from here on, for what the way back writes.
    """
    clock = SystemClock()
    with step_lock(run.state), refusing_trouble(run.state):
        ledger, lock = read_ledger(run.state / "ledger.jsonl"), Lock(run.state)
        held = holder_of(lock.owner(), ledger.entries)
        if held is not None:
            other = bool(together) and held.get("run") not in together
            journal = Journal(run, clock, ledger)
            theirs = summarize(str(held.get("run")), journal.of_run(held.get("run")))
            if other or not theirs.entries:
                refuse_if_alive(lock, held, owner, clock)
                if other:
                    refuse_if_at_work(run, theirs, begun)
                ledger, held = let_go(run, theirs, owner, journal), None
                if not other:
                    return run, asdict(died_early(theirs))
        entries = ledger.entries
        summary = unfinished(entries) or change_meant(entries, together)
        way = way_back(summary, elsewhere)
        if summary is not None and together and summary.id not in together:
            free_ended(run, entries)
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


def refuse_if_at_work(run: Run, left: RunSummary, begun: Sequence[str]) -> None:
    """Raise Refused for a run that did something, or that nobody had told this command of."""
    if left.acted or left.id not in begun:
        raise Refused(
            f"run {left.id} went to work while this command was on its way to {run.host}",
            now=f"run {left.id} is unfinished there and holds the host",
            untouched=f"all of {run.host}",
            next="wait for it; if it was killed, put it back: "
            "ansible-playbook playbooks/rollback.yml -i <inventory>",
        )


def let_go(run: Run, left: RunSummary, owner: dict[str, Any], journal: Journal) -> Ledger:
    """Free a host that a run took and did nothing to; the run ends as it stood before."""
    lock = Lock(run.state)
    if left.entries:
        mine = Run(left.id, lock.take_over(left.id, owner), run.system, run.host, run.state)
        journal = Journal(mine, journal.clock, journal.ledger)
        journal.note("report", "close", state={"verdict": last_end(left)}, kind="terminal")
    give_back(run.state)
    lock.release()
    return journal.ledger


def died_early(left: RunSummary) -> WayBack:
    """The way back from a run of which no entry is there: there is none."""
    return WayBack(left.id, "none", f"run {left.id} died before its first act")


def change_meant(entries: tuple[Entry, ...], together: Sequence[str]) -> RunSummary | None:
    """The finished run that goes back: one of ``together``, though a later one ended unstarted."""
    effect = last_effect(entries)
    return effect if effect is not None and effect.id in together else last_change(entries)


def untouched(last: RunSummary, together: Sequence[str]) -> WayBack:
    """The way back of a host that the runs which go back never changed: there is none."""
    reason = f"{', '.join(together)} changed nothing here; {last.id} stays as it is"
    return WayBack(last.id, "none", reason)


def going_back(seen: Sequence[dict[str, Any]]) -> list[str]:
    """The runs that a rollback over all hosts is about, from what ``observe_host`` told of each.

    Those that acted and hold a host; else one that went back on some hosts and is live on others;
    else the newest that holds a host, or ended on one. A run goes back together. Without this a
    host that the run had not reached yet would put back the change before it. Ids begin with the
    moment, so that the newest sorts last.
    """
    acted = {told["holder"] for told in seen if told["acted"]}
    effects = [told["effect"] for told in seen if told["effect"]]
    back = {effect["id"] for effect in effects if effect["verdict"] == "restored"}
    parted = {effect["id"] for effect in effects if effect["verdict"] == "deployed"} & back
    holding = {told["holder"] for told in seen if told["holder"]}
    newest = sorted(holding or {told["last"]["id"] for told in seen if told["last"]})[-1:]
    return sorted(acted or parted) or newest
