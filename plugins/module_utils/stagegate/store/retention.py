"""Old backups and generations, removed only when nobody can need them any more.

Kept are the newest ``keep`` of deployments and as many of daily backups, everything pinned, what an
unfinished run or the last finished one names, what a backup at this moment makes, the live
generation and the one that a rollback would go to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..files import fsync_dir
from ..history import runs
from ..ledger import Entry
from .at_work import runs_at_work
from .copying import remove_tree
from .generations import LEFT_PREFIX, read_link
from .model import GENERATIONS, Place
from .task import FILE, PIN, PlaceTask

DAILY = "daily-"
GENERATION = "gen-"


@dataclass(frozen=True)
class Removal:
    """What may go: directories of backups, of generations, and scratch of runs that ended."""

    backups: tuple[Path, ...]
    generations: tuple[Path, ...]
    scratch: tuple[Path, ...]

    @property
    def everything(self) -> tuple[Path, ...]:
        """Everything that may go."""
        return self.backups + self.generations + self.scratch


def plan_removal(task: PlaceTask, entries: Iterable[Entry]) -> Removal:
    """Decide what may go; changes nothing."""
    entries = tuple(entries)
    needed = needed_runs(task, entries)
    return Removal(
        backups=old_backups(task, needed),
        generations=old_generations(task, needed, needed_targets(task.store, needed, entries)),
        scratch=old_scratch(task, needed - last_ended(entries)),
    )


def needed_runs(task: PlaceTask, entries: tuple[Entry, ...]) -> frozenset[str]:
    """The run of this call, every unfinished one, the last that ended, and who backs up now."""
    unfinished = {summary.id for summary in runs(entries) if summary.unfinished}
    busy = runs_at_work(task.run.state)
    return frozenset({task.run.id, *unfinished, *last_ended(entries), *busy})


def last_ended(entries: tuple[Entry, ...]) -> frozenset[str]:
    """The last run that ended, if any: a rollback would undo that one."""
    finished = [summary.id for summary in runs(entries) if not summary.unfinished]
    return frozenset(finished[-1:])


def needed_targets(
    store: Place, needed: frozenset[str], entries: tuple[Entry, ...]
) -> frozenset[str]:
    """The names of generations that are live, or that a needed run came from or goes to.

    The last switch of all counts whoever made it: its old target is where a rollback goes.
    """
    live = read_link(store)
    switches = [e for e in entries if e.step == f"activate:{store.name}" and e.kind == "done"]
    stages = [e for e in entries if e.step == f"stage:{store.name}" and e.run in needed]
    named = {live}
    for entry in (*switches[-1:], *stages):
        named |= {entry.state.get("old_target"), entry.state.get("new_target")}
    return frozenset(Path(target).name for target in named if target)


def old_backups(task: PlaceTask, needed: frozenset[str]) -> tuple[Path, ...]:
    """Backups of this store beyond the newest; daily ones are counted apart.

    A backup without a manifest was never finished: it counts for nothing and is not kept.
    """
    found = sorted(
        (task.run.state / "backups").glob(f"*/{task.store.name}"),
        key=lambda place: place.parent.name.replace(DAILY, "", 1),
        reverse=True,
    )
    gone: list[Path] = []
    for daily in (True, False):
        mine = [p for p in found if p.parent.name.startswith(DAILY) == daily]
        whole = [p for p in mine if (p / FILE).exists()]
        kept = set(whole[: task.keep_daily if daily else task.keep])
        gone += [p for p in mine if p not in kept and not is_needed(p, needed)]
    return tuple(gone)


def is_needed(backup: Path, needed: frozenset[str]) -> bool:
    """True for a backup that is pinned, or that belongs to a run that may still go back."""
    pins = (backup / PIN, backup.parent / PIN)
    return backup.parent.name in needed or any(pin.exists() for pin in pins)


def old_generations(
    task: PlaceTask, needed: frozenset[str], targets: frozenset[str]
) -> tuple[Path, ...]:
    """Generations beyond the newest, never one that is live, pinned, or named by a needed run."""
    if not task.store.generations.is_dir():
        return ()
    pinned = task.pinned_generations()
    found = sorted(
        (p for p in task.store.generations.iterdir() if p.is_dir() and not p.is_symlink()),
        key=lambda place: place.stat().st_mtime_ns,
        reverse=True,
    )
    served = [p for p in found if not p.name.startswith(LEFT_PREFIX)]
    left = [p for p in found if p.name.startswith(LEFT_PREFIX)]
    kept = {*served[: task.keep], *left[: task.keep]}
    return tuple(
        p
        for p in found
        if p not in kept
        and p.name not in targets
        and p.name not in pinned
        and run_of(p.name) not in needed
    )


def run_of(generation: str) -> str:
    """The run that made a generation, from its name; names that people gave are no run's."""
    name = generation.replace(LEFT_PREFIX, "", 1)
    return name[len(GENERATION) :].split(".")[0] if name.startswith(GENERATION) else ""


def old_scratch(task: PlaceTask, going: frozenset[str]) -> tuple[Path, ...]:
    """Scratch of this store that belongs to no run that is still going."""
    found = (task.run.state / "scratch").glob(f"*/{task.store.name}")
    return tuple(sorted(p for p in found if p.parent.name not in going))


def remove(places: Iterable[Path]) -> None:
    """Remove directories, each renamed first so that half of one is never taken for a whole."""
    for place in places:
        doomed = place.with_name(f".removing-{place.name}")
        if doomed.exists():
            remove_tree(doomed)
        place.rename(doomed)
        fsync_dir(place.parent)
        remove_tree(doomed)
        if place.parent.name != GENERATIONS and not any(place.parent.iterdir()):
            place.parent.rmdir()
