"""One call of a driver of plain data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..history import summarize
from ..ledger import read_ledger
from ..store.task import PlaceTask
from .content import Content


@dataclass(frozen=True)
class PlainTask(PlaceTask):
    """What one call is about, and what answers for the data themselves."""

    content: Content

    @property
    def restored_target(self) -> str:
        """What the live link says once the former data are live with what users wrote since."""
        return f"{self.target}.back"

    def former_release(self) -> str:
        """The release that this run came from, as its plan says; empty when there was none."""
        entries = read_ledger(self.run.state / "ledger.jsonl").entries
        return str(
            summarize(self.run.id, [e for e in entries if e.run == self.run.id]).plan.get("from")
            or ""
        )

    def copy_to_compare(self) -> Path:
        """The migrated copy that ``compare`` proves."""
        return self.database or self.rehearsed
