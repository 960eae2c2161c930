"""Where the live data are, what may lie beside them, and that nobody has them open."""

from __future__ import annotations

from pathlib import Path

from ..errors import StagegateError, StepFailed
from ..store.facts import Facts, file_facts
from ..store.generations import (
    content_of,
    live_directory,
    refusal,
    refuse_absent,
    refuse_existing_data,
    refuse_strangers,
)
from ..store.openers import refuse_holders
from .account import ACCOUNT, account_of
from .task import PlainTask


def locate(task: PlainTask) -> str | None:
    """The live generation's target, proved to hold these data alone; None on a first install.

    Raises Refused for anything that is neither, and never takes existing data for an empty place.
    """
    store = task.store
    directory = live_directory(store)
    if directory is None:
        refuse_existing_data(store, task.pinned_generations(), task.content.endings)
        return None
    refuse_absent(store, directory)
    problem = task.content.problem(directory / store.file)
    if problem:
        raise refusal(problem)
    refuse_strangers(directory, {store.file, ACCOUNT}, store.file)
    return directory.relative_to(store.root).as_posix()


def refuse_unlike(task: PlainTask, place: Path, error: type[StagegateError] = StepFailed) -> None:
    """Raise unless a generation of ours holds these data and their account, and nothing else.

    What a migration leaves beside them (a copy it made, a file it could not rename) would stay
    behind at the next switch.
    """
    problem = task.content.problem(place)
    left = sorted({p.name for p in place.parent.iterdir()} - {task.store.file, ACCOUNT})
    if left and not problem:
        problem = f"{place.parent} holds more than {task.store.file}: {', '.join(left[:5])}"
    if problem:
        raise error(
            problem,
            now="the data link was not moved",
            untouched="the live data",
            next="correct the migration: it must leave the data where it found them, alone",
        )


def read_facts(task: PlainTask, place: Path) -> Facts:
    """What changes whenever the data or their account do."""
    account = account_of(place)
    return {
        "data": task.content.facts(place),
        "account": file_facts(account) if account.exists() else None,
    }


def refuse_openers(task: PlainTask, place: Path, error: type[StagegateError] = StepFailed) -> None:
    """Raise unless nobody has a file of the data open."""
    refuse_holders(place, task.content.identities(place), error)


def data_of(task: PlainTask, target: str) -> Path:
    """The data of a generation, by what the link says of it."""
    return content_of(task.store, target)
