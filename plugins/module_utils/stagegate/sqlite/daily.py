"""What the daily backup asks of a SQLite store."""

from __future__ import annotations

from ..store.driver import prune_daily as prune
from .proof import backup_evidence, backup_state, take
from .task import Task

__all__ = ["Task", "backup_evidence", "backup_state", "prune", "take"]
