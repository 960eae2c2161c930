"""What the daily backup asks of a SQLite store."""

from __future__ import annotations

from ..ledger import Entry
from ..store.retention import plan_removal, remove
from .proof import backup_evidence, backup_state, take
from .task import Task

__all__ = ["Task", "backup_evidence", "backup_state", "prune", "take"]


def prune(task: Task, entries: tuple[Entry, ...]) -> list[str]:
    """Remove what retention lets go; the drilled copy of today goes at once."""
    places = (*plan_removal(task, entries).everything, task.scratch)
    there = [place for place in places if place.exists()]
    remove(there)
    return [str(place) for place in there]
