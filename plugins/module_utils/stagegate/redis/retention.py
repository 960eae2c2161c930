"""Old images and former data, removed only when nobody can need them any more.

Kept are the newest ``keep`` of deployments and as many of daily backups, everything pinned, and
everything of an unfinished run, of the last finished one, and of a backup at this moment.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .. import places
from ..files import fsync_dir
from ..history import runs
from ..ledger import Entry
from ..store.at_work import runs_at_work
from .manifest import FILE, PIN
from .task import Task

DAILY = "daily-"
FAILED = "failed-"


@dataclass(frozen=True)
class Removal:
    """What may go: images, former data beside the live ones, scratch of runs that ended."""

    images: tuple[Path, ...]
    former: tuple[Path, ...]
    scratch: tuple[Path, ...]

    @property
    def everything(self) -> tuple[Path, ...]:
        """Everything that may go."""
        return self.images + self.former + self.scratch


def plan_removal(task: Task, entries: Iterable[Entry]) -> Removal:
    """Decide what may go; changes nothing."""
    entries = tuple(entries)
    found = runs(entries)
    busy = runs_at_work(task.run.state)
    going = frozenset({task.run.id, *busy, *(s.id for s in found if s.unfinished)})
    needed = going | frozenset([s.id for s in found if not s.unfinished][-1:])
    return Removal(
        images=old_images(task, needed),
        former=old_former(task, needed),
        scratch=tuple(
            sorted(
                place
                for place in (task.run.state / "scratch").glob(f"*/{task.store.name}")
                if place.parent.name not in going
            )
        ),
    )


def old_images(task: Task, needed: frozenset[str]) -> tuple[Path, ...]:
    """Backups and frozen images beyond the newest; daily ones are counted apart.

    An image without a manifest was never finished: it counts for nothing and is not kept.
    """
    gone: list[Path] = []
    root = task.run.state / "backups"
    for name in (task.store.name, f"{task.store.name}.frozen"):
        found = sorted(root.glob(f"*/{name}"), key=age, reverse=True)
        for daily in (True, False):
            mine = [p for p in found if p.parent.name.startswith(DAILY) == daily]
            whole = [p for p in mine if (p / FILE).exists()]
            kept = set(whole[: task.keep_daily if daily else task.keep])
            gone += [p for p in mine if p not in kept and not is_needed(p, needed)]
    return tuple(gone)


def age(place: Path) -> str:
    """What images are ordered by: their run's id begins with its time."""
    return place.parent.name.replace(DAILY, "", 1)


def is_needed(image: Path, needed: frozenset[str]) -> bool:
    """True for an image that is pinned, or that belongs to a run that may still go back."""
    pins = (image / PIN, image.parent / PIN)
    return image.parent.name in needed or any(pin.exists() for pin in pins)


def old_former(task: Task, needed: frozenset[str]) -> tuple[Path, ...]:
    """Data that a restore took away, beyond the newest, never those of a needed run."""
    if not task.store.data.is_dir():
        return ()
    spared = {f"{FAILED}{places.tag(run)}" for run in needed}
    found = sorted(
        (p for p in task.store.data.glob(f"{FAILED}*") if p.is_dir() and not p.is_symlink()),
        key=lambda place: place.name,
        reverse=True,
    )
    return tuple(p for p in found[task.keep :] if p.name.rpartition(".")[0] not in spared)


def remove(doomed: Iterable[Path]) -> None:
    """Remove directories, each renamed first so that half of one is never taken for a whole."""
    for place in doomed:
        aside = place.with_name(f".removing-{place.name}")
        if aside.exists():
            shutil.rmtree(aside)
        place.rename(aside)
        fsync_dir(place.parent)
        shutil.rmtree(aside)
        if not place.name.startswith(FAILED) and not any(place.parent.iterdir()):
            place.parent.rmdir()
