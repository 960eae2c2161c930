"""What must be true before a link is moved, and what the ledger and the link say of a store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import Fenced, Refused, StagegateError, StepFailed
from ..files import make_private_dir, write_json
from ..journal import Journal
from ..ledger import read_ledger
from .generations import UNTOUCHED, put_aside, read_link
from .steps import entries_of
from .task import PIN, PlaceTask

COMMAND = "ansible-playbook playbooks/rollback.yml -i <inventory>"


def state_places(task: PlaceTask) -> list[Path]:
    """The directories of the run's own records that it will write to."""
    return [task.run.state / part for part in ("backups", "evidence", "scratch")]


def refuse_moved(task: PlaceTask, target: str | None) -> None:
    """Raise Refused when nothing is here, but the ledger knows this store in another place."""
    if target is not None:
        return
    entries = read_ledger(task.run.state / "ledger.jsonl").entries
    known = [
        str(entry.state["link"])
        for entry in entries
        if entry.step == f"activate:{task.store.name}" and "link" in entry.state
    ]
    if known and known[-1] != str(task.store.link) and Path(known[-1]).is_symlink():
        raise Refused(
            f"stores.{task.store.name}.path: nothing is at {task.store.path}, "
            f"but the ledger knows this store at {known[-1]}/{task.store.file}",
            now="nothing was changed",
            untouched=UNTOUCHED,
            next="correct stores[].path",
        )


def recorded_digest(task: PlaceTask) -> str:
    """What the host's ledger says of the named backup, or of this run's; empty for nothing."""
    directory = str(task.directory or task.backup)
    recorded = ""
    for entry in read_ledger(task.run.state / "ledger.jsonl").entries:
        if entry.kind != "intent" and entry.state.get("directory") == directory:
            recorded = str(entry.state.get("sha256", ""))
    return recorded


def refuse_unguarded(task: PlaceTask, error: type[StagegateError] = StepFailed) -> None:
    """Raise unless the start guard keeps every service of the system down."""
    if not task.run.guard.exists():
        raise error(
            f"the start guard {task.run.guard} is missing: a service could start in the middle of "
            "the switch",
            now="the data link was not moved",
            untouched="all data",
            next="hold the services first; this action runs after that one",
        )


def was_admitted(journal: Journal, task: PlaceTask) -> bool:
    """True when users may have written; with nothing said, from the first start of the services."""
    if task.admitted is not None:
        return task.admitted
    return any(entry.phase == "restart" for entry in entries_of(journal, "start"))


def pin(task: PlaceTask) -> None:
    """Keep what belongs to this run from ever being removed by retention."""
    make_private_dir(task.evidence)
    write_json(task.evidence / PIN, {"run": task.run.id, "generation": task.target})


def refuse_strange_link(task: PlaceTask, live: str | None, old: str | None) -> None:
    """Raise Fenced when the link leads somewhere that this run knows nothing of."""
    if live not in (old, task.target):
        raise Fenced(
            f"{task.store.link} leads to {live}, neither to {task.target} nor to {old}",
            now="services are held, nothing was moved",
            untouched="all data",
            next="a later run has gone on from here: put that one back first",
        )


def drop_unfinished(task: PlaceTask) -> dict[str, Any]:
    """Rename a generation that never went live, so that nobody takes it for one that did."""
    if read_link(task.store) == task.target:
        raise Fenced(
            f"{task.store.link} leads to {task.target}, though the ledger has no activation of it",
            now="services are held, nothing was moved",
            untouched="all data",
            next="find out who moved the link; the ledger says where it led",
        )
    aside = put_aside(task.store, task.target)
    return {"activated": False, "unfinished": None if aside is None else str(aside)}
