"""What preflight asks of a store, and every reason to refuse a deployment before it begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import Refused, StepFailed
from ..store.generations import UNTOUCHED, content_of
from ..store.guard import refuse_moved, state_places
from ..store.space import Need, existing, file_system, refuse_shortage, refuse_unwritable
from .account import read_account
from .content import Size
from .live import locate
from .task import PlainTask

COPIES_BESIDE_STATE, COPIES_BESIDE_DATA = 3, 1
"""Whole copies of a run: backup, drilled copy, failed state; the generation."""


def probe(task: PlainTask, act: bool) -> dict[str, Any]:
    """The facts of a store that may be deployed to. Raises Refused; changes nothing.

    With ``act`` each directory is proved by writing a file to it, otherwise (check mode) it is only
    looked at.
    """
    try:
        return looked_at(task, act)
    except (StepFailed, OSError) as error:
        what = error.what if isinstance(error, StepFailed) else str(error)
        after = error.next if isinstance(error, StepFailed) else ""
        raise Refused(
            f"stores.{task.store.name}: {what}",
            now="nothing was changed",
            untouched=UNTOUCHED,
            next=after or "examine it; nothing is repaired automatically",
        ) from error


def looked_at(task: PlainTask, act: bool) -> dict[str, Any]:
    """The facts of a store, and of the places that a run writes to."""
    store = task.store
    target = locate(task)
    refuse_moved(task, target)
    if target is not None:  # on a fresh host the account is made together with the directories
        store.owner_ids()
    for directory in (store.root, store.generations, *state_places(task)):
        refuse_unwritable(directory, act)
    mounts = Path("/proc/self/mountinfo").read_text()
    facts: dict[str, Any] = {
        "state": "absent" if target is None else "generation",
        "target": target,
        "file_system": file_system(mounts, existing(store.root).resolve()),
    }
    if target is None:
        refuse_shortage(needs(task, Size(0, 0)), store.reserve)
        return facts
    source = content_of(store, target)
    refuse_shortage(needs(task, task.content.size(source)), store.reserve)
    applied = [one.name for one in read_account(source)]
    return {**facts, "applied": applied, **task.content.ask(source, task.evidence)}


def needs(task: PlainTask, size: Size) -> list[Need]:
    """The room that a whole run needs, where it needs it."""
    copies = {
        task.run.state / "backups": COPIES_BESIDE_STATE,
        task.store.root: COPIES_BESIDE_DATA,
    }
    return [Need(p, size.bytes * number, size.inodes * number) for p, number in copies.items()]
