"""One call of the driver: what was asked, and where everything of it lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import places
from ..errors import BadInput
from ..journal import Run
from .model import Store, whole

PHASES = {
    "backup": "backup",
    "verify": "backup",
    "compare": "release",
    "stage": "migrate",
    "seal": "migrate",
    "activate": "restart",
    "forensic": "rollback",
    "delta": "rollback",
    "restore": "rollback",
    "prune": "report",
}
"""The phase an action belongs to when none is named."""

DEADLINE = 3600.0
KEEP, KEEP_DAILY = 5, 30


@dataclass(frozen=True)
class Task:
    """What one call is about. ``deadline`` is in seconds, for each part that grows with the data.

    ``admitted``: users may have written on the new release; None leaves that to the ledger.
    ``accepted_loss`` is the exact number of keys that an operator gave up, or None.
    """

    action: str
    phase: str
    run: Run
    store: Store
    migration_class: str = ""
    deadline: float = DEADLINE
    directory: Path | None = None
    admitted: bool | None = None
    accepted_loss: int | None = None
    keep: int = KEEP
    keep_daily: int = KEEP_DAILY

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Task:
        """Read the module's parameters; raise BadInput naming the one that is wrong."""
        action, noun = str(params["action"]), params["store"]
        loss = params.get("accept_data_loss")
        plan = params["run"].get("plan") or {}
        return cls(
            action=action,
            phase=str(params.get("phase") or PHASES.get(action, "preflight")),
            run=Run.from_params(params["run"]),
            store=Store.from_params(noun),
            migration_class=str(plan.get("migration_class") or ""),
            deadline=float(noun.get("backup_deadline") or DEADLINE),
            directory=Path(str(params["directory"])) if params.get("directory") else None,
            admitted=params.get("admitted"),
            accepted_loss=None if loss is None else int(loss),
            keep=at_least_one(noun.get("keep"), KEEP, "stores[].keep"),
            keep_daily=at_least_one(params.get("keep_daily"), KEEP_DAILY, "keep_daily"),
        )

    @property
    def step(self) -> str:
        """The name of this action's step in the ledger."""
        prefix = "store" if self.action == "backup" else self.action
        return f"{prefix}:{self.store.name}"

    @property
    def client_name(self) -> str:
        """What the server shows of our connections."""
        return f"stagegate/{self.run.id}/{self.step}"

    @property
    def backup(self) -> Path:
        """The directory of this run's backup."""
        return self.run.backups / self.store.name

    @property
    def frozen(self) -> Path:
        """The directory of the final image: the exact state that users last saw."""
        return self.run.backups / f"{self.store.name}.frozen"

    @property
    def scratch(self) -> Path:
        """Where this run's own servers live, one at a time."""
        return self.run.scratch / self.store.name

    @property
    def evidence(self) -> Path:
        """Where this run keeps what must outlive it."""
        return self.run.evidence / self.store.name

    @property
    def left_prefix(self) -> str:
        """How the data are called, beside the live ones, that a restore of this run took away."""
        return f"failed-{places.tag(self.run.id)}"


def at_least_one(value: object, default: int, key: str) -> int:
    """How many are kept. Raises BadInput for none: the last backup is never removed."""
    number = whole(value, default, key)
    if number < 1:
        raise BadInput(f"{key} must be 1 or more: the last backup is never removed")
    return number
