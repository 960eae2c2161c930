"""What the daily backup asks of a JSONL store."""

from __future__ import annotations

from ..plain.backup import backup_evidence, backup_state, take
from ..store.driver import prune_daily as prune
from .task import Task

__all__ = ["Task", "backup_evidence", "backup_state", "prune", "take"]
