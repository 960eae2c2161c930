"""One call of the driver: what was asked, and where everything of it lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..store.expected import own_changes
from ..store.task import PlaceTask, common_params
from .expect import Declared, read_declared
from .model import Store


@dataclass(frozen=True)
class Task(PlaceTask):
    """What one call is about, with what the release declares of the tables."""

    store: Store
    declared: dict[str, Declared]

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Task:
        """Read the module's parameters; raise BadInput naming the one that is wrong."""
        return cls(
            **common_params(params),
            store=Store.from_params(params["store"]),
            declared=read_declared(own_changes(params)),
        )

    @property
    def frozen(self) -> Path:
        """The exact state that users last saw, before the migration."""
        return self.scratch / "frozen" / self.store.file

    @property
    def image(self) -> Path:
        """The state that was activated, for counting what was written since."""
        return self.evidence / "activated.db"
