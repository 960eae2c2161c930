"""What the daily backup asks of a PostgreSQL store."""

from __future__ import annotations

from ..ledger import Entry
from ..store.retention import remove
from .access import server
from .databases import drop
from .proof import backup_evidence, backup_state, take
from .retention import plan_removal
from .task import DRILL, Task

__all__ = ["Task", "backup_evidence", "backup_state", "prune", "take"]


def prune(task: Task, entries: tuple[Entry, ...]) -> list[str]:
    """Remove what retention lets go; the drilled database of today goes at once."""
    with server(task) as admin:
        removal = plan_removal(task, entries, admin)
        remove(removal.directories)
        names = dict.fromkeys((*removal.databases, task.beside(DRILL)))
        for name in names:
            drop(admin, task.store, name)
    return [*(str(place) for place in removal.directories), *names]
