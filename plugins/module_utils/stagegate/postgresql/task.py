"""One call of the driver: what was asked, and where everything of it lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from .. import places
from ..errors import BadInput
from ..journal import Run
from ..sqlite.expect import Declared, read_declared
from ..store.expected import own_changes
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

CLASSES = ("compatible", "reversible", "one_way")
DEADLINE = 3600.0
KEEP, KEEP_DAILY = 5, 30
DRILL, GENERATION, OLD, FAILED, CHECK = "drill", "gen", "old", "failed", "check"
"""Databases that a run makes beside the live one: the rehearsed copy, the next generation, the
former one, the one that failed, and a copy that lives as long as one question."""


@dataclass(frozen=True)
class Task:
    """What one call is about. ``deadline`` is in seconds, for each part that grows with the data.

    ``noun`` is the store as it was declared. ``database`` is the copy that ``compare`` proves, by
    its name. ``admitted``: users may have written on the new release; None leaves that to the
    ledger. ``accepted_loss`` is the exact number of rows that an operator gave up, or None.
    """

    action: str
    phase: str
    run: Run
    store: Store
    noun: Mapping[str, Any]
    version: str = ""
    migration_class: str = "compatible"
    declared: dict[str, Declared] = field(default_factory=dict)
    deadline: float = DEADLINE
    database: str = ""
    directory: Path | None = None
    admitted: bool | None = None
    accepted_loss: int | None = None
    keep: int = KEEP
    keep_daily: int = KEEP_DAILY

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Task:
        """Read the module's parameters; raise BadInput naming the one that is wrong."""
        release, noun = params.get("release") or {}, params["store"]
        store, action = Store.from_params(noun), str(params["action"])
        loss = params.get("accept_data_loss")
        return cls(
            action=action,
            phase=str(params.get("phase") or PHASES.get(action, "preflight")),
            run=Run.from_params(params["run"]),
            store=store,
            noun={**noun, "kind": "postgresql", "socket": store.socket, "port": store.port},
            version=str(release.get("version") or ""),
            migration_class=class_of(params["run"].get("plan") or {}, release),
            declared=read_declared(own_changes(params)),
            deadline=float(noun.get("backup_deadline") or DEADLINE),
            database=database_in(params.get("database")),
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
    def live(self) -> str:
        """The database that services use."""
        return self.store.database

    def beside(self, which: str) -> str:
        """The name of a database of this run; see ``places.database_name``."""
        return places.database_name(self.noun, self.run.id, which)

    def url(self, database: str) -> str:
        """The place of a database, as migrations and releases are given it."""
        return places.url(self.noun, database)

    @property
    def in_place(self) -> bool:
        """True when the migration changes the live database itself."""
        return places.in_place(self.noun, self.migration_class)

    @property
    def backup(self) -> Path:
        """The directory of this run's backup."""
        return self.run.backups / self.store.name

    @property
    def frozen(self) -> Path:
        """The directory of the final image: the exact state that users last saw."""
        return self.run.backups / f"{self.store.name}.frozen"

    @property
    def image(self) -> Path:
        """The directory of the state that was activated, for counting what was written since."""
        return self.run.backups / f"{self.store.name}.activated"

    @property
    def evidence(self) -> Path:
        """Where this run keeps what must outlive it."""
        return self.run.evidence / self.store.name


def class_of(plan: Mapping[str, Any], release: Mapping[str, Any]) -> str:
    """The class of the run's migration; before there is a plan, the one the release declares."""
    found = str(plan.get("migration_class") or release.get("migration_class") or CLASSES[0])
    if found not in CLASSES:
        raise BadInput(f"release.migration_class: {found!r} is not one of {', '.join(CLASSES)}")
    return found


def database_in(place: object) -> str:
    """The name of a database, from its URL or as it is; empty for none."""
    text = str(place or "")
    return unquote(urlsplit(text).path.lstrip("/")) if "://" in text else text


def at_least_one(value: object, default: int, key: str) -> int:
    """How many are kept. Raises BadInput for none: the last backup is never removed."""
    number = whole(value, default, key)
    if number < 1:
        raise BadInput(f"{key} must be 1 or more: the last backup is never removed")
    return number
