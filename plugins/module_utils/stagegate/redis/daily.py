"""What the daily backup asks of a Redis store."""

from __future__ import annotations

from ..ledger import Entry
from .backup import backup_evidence, backup_state, take
from .retention import plan_removal, remove
from .task import Task

__all__ = ["Task", "backup_evidence", "backup_state", "prune", "take"]


def prune(task: Task, entries: tuple[Entry, ...]) -> list[str]:
    """Remove what retention lets go."""
    places = [place for place in plan_removal(task, entries).everything if place.exists()]
    remove(places)
    return [str(place) for place in places]
