"""What every driver whose data live in generations does alike: tell what it would do, and prune."""

from __future__ import annotations

from collections.abc import Callable

from ..journal import Journal
from ..ledger import Entry, read_ledger
from .generations import read_link
from .retention import plan_removal, remove
from .steps import Result, ended
from .task import PlaceTask


def prune(journal: Journal, task: PlaceTask) -> Result:
    """Remove the backups, generations and scratch that nobody can need any more."""
    with journal.step(task.phase, task.step, {"keep": task.keep}) as step:
        removal = plan_removal(task, journal.entries)
        remove(removal.everything)
        removed = [str(place) for place in removal.everything]
        result = ended(step, {"removed": len(removed)}, {"removed": removed})
    return {**result, "changed": bool(removed)}


def prune_daily(task: PlaceTask, entries: tuple[Entry, ...]) -> list[str]:
    """Remove what retention lets go; the drilled copy of today goes at once."""
    places = (*plan_removal(task, entries).everything, task.scratch)
    there = [place for place in places if place.exists()]
    remove(there)
    return [str(place) for place in there]


def foretold(task: PlaceTask, locate: Callable[[], object]) -> Result:
    """What an action would change, as a diff, from the link and the ledger alone.

    ``locate`` raises Refused where a backup would find no live data that it could take.
    """
    live = read_link(task.store)
    before, after = str(live), str(live)
    if task.action == "backup":
        locate()
        before, after = "", f"{task.backup}/{task.store.file}" if live else ""
    elif task.action == "stage":
        before, after = "", str(task.generation)
    elif task.action == "activate":
        after = task.target
    elif task.action == "restore":
        after = former_target(task, live)
    elif task.action == "prune":
        entries = read_ledger(task.run.state / "ledger.jsonl").entries
        removal = plan_removal(task, entries)
        before, after = "\n".join(str(place) for place in removal.everything), ""
    title = f"{task.store.name}: {task.action}"
    diff = {
        "before_header": title,
        "after_header": title,
        "before": f"{before}\n",
        "after": f"{after}\n",
    }
    return {"changed": before != after, "diff": diff, "evidence": {}}


def former_target(task: PlaceTask, live: str | None) -> str:
    """Where the link would lead after a restore."""
    for entry in read_ledger(task.run.state / "ledger.jsonl").entries:
        if (entry.run, entry.step) == (task.run.id, f"stage:{task.store.name}") and entry.state:
            return str(entry.state["old_target"])
    return str(live)
