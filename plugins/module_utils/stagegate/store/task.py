"""One call of a driver whose data live in generations: what was asked, and where it all lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..journal import Run
from .generations import content_of, target_of
from .model import Place, at_least_one

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

FILE = "manifest.json"
"""What makes a directory a backup; written last."""

PIN = "pinned"
"""What keeps a directory from retention."""


@dataclass(frozen=True)
class PlaceTask:
    """What one call is about. ``deadline`` is in seconds, for each part that grows with the data.

    ``database`` is the copy that is compared. ``admitted``: users may have written on the new
    release; None leaves that to the ledger. ``accepted_loss`` is the exact number of rows (records,
    files) that an operator gave up, or None.
    """

    action: str
    phase: str
    run: Run
    store: Place
    version: str
    deadline: float
    database: Path | None
    directory: Path | None
    admitted: bool | None
    accepted_loss: int | None
    keep: int
    keep_daily: int

    @property
    def step(self) -> str:
        """The name of this action's step in the ledger."""
        prefix = "store" if self.action == "backup" else self.action
        return f"{prefix}:{self.store.name}"

    @property
    def backup(self) -> Path:
        """The directory of this run's backup."""
        return self.run.backups / self.store.name

    @property
    def scratch(self) -> Path:
        """Where this run keeps copies that may be removed at any time."""
        return self.run.scratch / self.store.name

    @property
    def rehearsed(self) -> Path:
        """The drilled copy, on which the release is rehearsed."""
        return self.scratch / self.store.file

    @property
    def evidence(self) -> Path:
        """Where this run keeps what must outlive it."""
        return self.run.evidence / self.store.name

    @property
    def target(self) -> str:
        """What the live link says once this run's generation is live."""
        return target_of(self.run.id)

    @property
    def generation(self) -> Path:
        """The data of this run's generation."""
        return content_of(self.store, self.target)

    def pinned_generations(self) -> frozenset[str]:
        """The names of generations that earlier runs kept as evidence."""
        pins = (self.run.state / "evidence").glob(f"*/{self.store.name}/{PIN}")
        return frozenset(target_of(pin.parent.parent.name).rpartition("/")[2] for pin in pins)


def common_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that every driver reads alike; raise BadInput naming the one that is wrong."""
    release, noun = params.get("release") or {}, params["store"]
    action = str(params["action"])
    loss = params.get("accept_data_loss")
    return {
        "action": action,
        "phase": str(params.get("phase") or PHASES.get(action, "preflight")),
        "run": Run.from_params(params["run"]),
        "version": str(release.get("version") or ""),
        "deadline": float(noun.get("backup_deadline") or DEADLINE),
        "database": Path(str(params["database"])) if params.get("database") else None,
        "directory": Path(str(params["directory"])) if params.get("directory") else None,
        "admitted": params.get("admitted"),
        "accepted_loss": None if loss is None else int(loss),
        "keep": at_least_one(noun.get("keep"), KEEP, "stores[].keep"),
        "keep_daily": at_least_one(params.get("keep_daily"), KEEP_DAILY, "keep_daily"),
    }
