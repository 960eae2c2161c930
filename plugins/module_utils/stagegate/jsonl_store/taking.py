"""A copy of a file taken beside the service that appends to it: the bytes of one instant."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from ..errors import StepFailed
from ..jsonl.opened import opened, read_change
from ..jsonl.rules import Rules
from ..plain.content import Taken
from ..store.space import free_bytes
from .lines import copy_prefix, judged, sound_end

TRIES = 3
"""How often a file is copied that is rotated, cut or rewritten meanwhile."""


@dataclass(frozen=True)
class Watch:
    """Looks after a running copy. ``reserve`` bytes stay free; ``end`` is monotonic seconds."""

    source: Path
    target: Path
    reserve: int
    end: float

    def __call__(self) -> None:
        """Raise StepFailed to give the copy up."""
        free = free_bytes(self.target.parent)
        if time.monotonic() > self.end:
            raise failure(self.source, "it was not finished within its deadline")
        if free < self.reserve:
            raise failure(
                self.source,
                f"the disk fills up: free {free} bytes, needed {self.reserve} bytes of reserve "
                "for the service itself",
            )


def take(source: Path, target: Path, rules: Rules, watch: Watch) -> Taken:
    """Copy the whole records of a live file. Raises StepFailed when it never holds still.

    Appending is no change: what was there at one instant is there for ever. A file that was rotated
    is taken as it is afterwards.
    """
    changes: list[str] = []
    for _ in range(TRIES):
        with judged(), opened(source) as file:
            end = sound_end(source, rules, file.size)
            digest = copy_prefix(source, target, end, watch)
            change = read_change(file, 0, end, digest)
        if not change:
            detail = {"end": end, "behind": file.size - end, "meanwhile": changes}
            return Taken(end, digest, 0, detail)
        changes.append(change)
        target.unlink()
    raise failure(source, f"it changed each of the {TRIES} times: {changes[-1]}")


def failure(source: Path, reason: str) -> StepFailed:
    """The words for a copy that was given up."""
    return StepFailed(
        f"backup of {source}: {reason}",
        now="the unfinished copy was removed",
        untouched="the live file; its writers were not stopped",
        next="see what rewrites it, slows the disk or fills it, then run it again",
    )
