"""What must be true of a host after any fault, and what more once a run has ended there.

The letters are those of the promises: W whole, L ledger, K lock, G guard. A (no acknowledged write
is lost) is asked of the users' own log, S (no secret is written anywhere) of all that was written,
and R (the next command finishes the job) is played.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stagegate.history import RunSummary, last_change, live_release, runs, unfinished, way_back
from stagegate.ledger import Entry

KEPT_BY = frozenset({"R2"})
"""Ways back on which the former code runs on the data of the new release, as was proved."""


@dataclass(frozen=True)
class Seen:
    """One host as it stands, read from its disk and its processes without the code under test.

    ``release`` is where the link of the code leads, ``data`` where the link of each store leads;
    ``services`` are the releases that running services say they are, by service; ``processes``
    counts what runs of them. A host without code or data of the system has none.
    ``broken`` is what the stores' own checks say against them.
    """

    name: str
    entries: tuple[Entry, ...]
    owner: Mapping[str, Any] | None
    guarded: bool
    release: str
    data: Mapping[str, str]
    services: Mapping[str, str]
    processes: int
    broken: Sequence[str] = field(default_factory=tuple)


def violations(seen: Seen) -> list[str]:
    """What is wrong with a host at any moment at which nobody is at work on it."""
    found = [*of_lock(seen), *of_guard(seen), *of_whole(seen)]
    found += [f"W {seen.name}: {words}" for words in seen.broken]
    return found


def of_lock(seen: Seen) -> list[str]:
    """K: free only when the last run has ended; else held by that run."""
    left = unfinished(seen.entries)
    if left is None:
        return []
    if seen.owner is None:
        return [f"K {seen.name}: run {left.id} is unfinished, and its lock is free"]
    if seen.owner.get("run") != left.id:
        return [f"K {seen.name}: {left.id} is unfinished, the lock is of {seen.owner.get('run')}"]
    return []


def of_guard(seen: Seen) -> list[str]:
    """G: nothing of the system runs while the start guard stands."""
    if seen.guarded and seen.processes:
        return [f"G {seen.name}: {seen.processes} processes run behind the start guard"]
    return []


def of_whole(seen: Seen) -> list[str]:
    """W: what runs is of one release, and on the data that belong to it."""
    if not seen.services:
        return []
    linked = seen.release.removeprefix("releases/")
    others = {name: v for name, v in seen.services.items() if v != linked}
    found = [
        f"W {seen.name}: {name} says {v}, the link says {linked}" for name, v in others.items()
    ]
    summary = last_run(seen.entries)
    if summary is None:
        return found
    new_code = linked == str(summary.plan.get("to"))
    for store, target in seen.data.items():
        switched = activated(summary, store)
        if not switched or (target == switched) is new_code:
            continue
        if not new_code and way_name(summary) in KEPT_BY:
            continue
        side = "the former" if new_code else "the new"
        found.append(f"W {seen.name}: {linked} runs on {side} data of {store}: {target}")
    return found


def last_run(entries: Sequence[Entry]) -> RunSummary | None:
    """The last deployment that the ledger tells of, ended or not."""
    known = [r for r in runs(entries) if r.verdict not in ("no_op", "refused")]
    return known[-1] if known else None


def activated(summary: RunSummary, store: str) -> str:
    """Where a run led a store's link, as it says itself; empty when it did not."""
    led = [
        e.state.get("new_target", "")
        for e in summary.entries
        if e.kind == "done" and (e.phase, e.step) == ("restart", f"activate:{store}")
    ]
    return str(led[-1]) if led else ""


def way_name(summary: RunSummary) -> str:
    """The way back that a run took, or that its entries allow when it took none yet."""
    taken = [e.state["way_back"]["name"] for e in summary.entries if e.step == "reopen"]
    return str(taken[-1]) if taken else way_back(summary).name


def violations_at_the_end(seen: Seen, services: Sequence[str]) -> list[str]:
    """What is wrong with a host once a run has ended there: beside the above, it must serve."""
    found = violations(seen)
    left = unfinished(seen.entries)
    if left is not None:
        found.append(f"R {seen.name}: run {left.id} has no end")
    if seen.owner is not None:
        found.append(f"K {seen.name}: no run is open, the lock is of {seen.owner.get('run')}")
    if seen.guarded:
        found.append(f"G {seen.name}: no run is open, the start guard stands")
    live = live_release(last_change(seen.entries))
    if seen.release and seen.release != f"releases/{live}":
        found.append(f"W {seen.name}: the ledger says {live}, the link {seen.release}")
    if services and not seen.release:
        found.append(f"W {seen.name}: the link of the code is gone")
    missing = sorted(set(services) - set(seen.services))
    if missing:
        found.append(f"W {seen.name}: {', '.join(missing)} does not serve")
    return found
