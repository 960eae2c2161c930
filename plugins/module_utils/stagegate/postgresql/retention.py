"""Old backups and databases, removed only when nobody can need them any more.

Kept are the newest ``keep`` of deployments and as many of daily backups, everything pinned, what an
unfinished run or the last finished one made, and above all the live database. Databases are known
by the names that runs in the ledger gave them; any other database is nobody's business.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .. import places
from ..errors import BadInput
from ..history import runs
from ..ledger import Entry
from ..store.at_work import runs_at_work
from ..store.retention import DAILY, is_needed, last_ended
from .client import Connection
from .databases import existing
from .manifest import FILE, PIN
from .task import CHECK, DRILL, FAILED, GENERATION, OLD, Task

KEPT_DATABASES = (OLD, FAILED)
"""Databases that are kept for a while; the others are of use to their own run only."""

IMAGES = (".frozen", ".activated")


@dataclass(frozen=True)
class Removal:
    """What may go: directories of dumps, and databases by name."""

    directories: tuple[Path, ...]
    databases: tuple[str, ...]

    @property
    def everything(self) -> tuple[str, ...]:
        """Everything that may go, for the report."""
        return (*(str(place) for place in self.directories), *self.databases)


def plan_removal(task: Task, entries: Iterable[Entry], admin: Connection) -> Removal:
    """Decide what may go; changes nothing."""
    entries = tuple(entries)
    needed = needed_runs(task, entries)
    return Removal(
        directories=tuple(
            place
            for ending in ("", *IMAGES)
            for place in old_directories(task, needed, f"{task.store.name}{ending}")
        ),
        databases=(
            *left_over(task, needed - last_ended(entries), known_runs(task, entries), admin),
            *old_databases(task, needed, known_runs(task, entries), admin),
        ),
    )


def needed_runs(task: Task, entries: tuple[Entry, ...]) -> frozenset[str]:
    """The run of this call, every unfinished one, the last that ended, and who backs up now."""
    unfinished = {summary.id for summary in runs(entries) if summary.unfinished}
    busy = runs_at_work(task.run.state)
    return frozenset({task.run.id, *unfinished, *last_ended(entries), *busy})


def known_runs(task: Task, entries: tuple[Entry, ...]) -> list[str]:
    """Every run that the ledger or a backup knows, the newest first."""
    backups = {place.parent.name for place in (task.run.state / "backups").glob("*/*")}
    found = {*backups, *(entry.run for entry in entries)}
    return sorted(found, key=lambda run: run.replace(DAILY, "", 1), reverse=True)


def old_directories(task: Task, needed: frozenset[str], name: str) -> list[Path]:
    """Dumps of this store beyond the newest; daily ones are counted apart.

    One without a manifest was never finished: it counts for nothing and is not kept.
    """
    found = sorted(
        (task.run.state / "backups").glob(f"*/{name}"),
        key=lambda place: place.parent.name.replace(DAILY, "", 1),
        reverse=True,
    )
    gone: list[Path] = []
    for daily in (True, False):
        mine = [p for p in found if p.parent.name.startswith(DAILY) == daily]
        whole = [p for p in mine if (p / FILE).exists()]
        kept = set(whole[: task.keep_daily if daily else task.keep])
        gone += [p for p in mine if p not in kept and not is_needed(p, needed)]
    return gone


def left_over(task: Task, going: frozenset[str], known: list[str], admin: Connection) -> list[str]:
    """Working copies of runs that ended."""
    others = [run for run in known if run not in going]
    names = [name for which in (DRILL, CHECK) for name in names_of(task, others, which)]
    there = existing(admin, names)
    return [name for name in names if name in there]


def old_databases(
    task: Task, needed: frozenset[str], known: list[str], admin: Connection
) -> list[str]:
    """Databases of earlier runs: generations all, kept ones beyond the newest of each kind."""
    others = [run for run in known if run not in needed]
    evidence = set(names_of(task, [run for run in others if is_pinned(task, run)], FAILED))
    gone: list[str] = []
    for which in (GENERATION, *KEPT_DATABASES):
        names = names_of(task, others, which)
        there = existing(admin, names)
        mine = [name for name in names if name in there]
        gone += mine[task.keep :] if which in KEPT_DATABASES else mine
    return [name for name in gone if name not in evidence]


def names_of(task: Task, run_ids: Iterable[str], which: str) -> list[str]:
    """The names that runs gave a kind of database; what is too long for a name is no run's."""
    names = []
    for run in run_ids:
        with suppress(BadInput):
            names.append(places.database_name(task.noun, run, which))
    return names


def is_pinned(task: Task, run: str) -> bool:
    """True when what failed in a run is kept as evidence."""
    return (task.run.state / "evidence" / run / task.store.name / PIN).exists()
