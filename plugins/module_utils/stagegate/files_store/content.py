"""What the actions of plain data are told by a directory of files."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, ClassVar

from ..errors import StepFailed
from ..plain.content import Content, Delta, Size, Taken, not_declared
from ..store.copying import remove_tree
from ..store.expected import NUMBERS, Bounds, undeclared
from ..store.facts import Facts
from ..store.openers import Identity
from . import tree
from .copying import Watch, copy_tree, sync_file_system
from .exporting import export
from .listing import (
    Sum,
    differences,
    kind_of,
    lines_of,
    name_of,
    read_listing,
    read_tree,
    stat_facts,
)

LISTING = "listing.jsonl"
ACTIVATED = "activated.jsonl"
SHOWN = 5
OVERHEAD = 4096
"""Bytes that a name may take beside its content: a block, for a directory or a small file."""


@dataclass(frozen=True)
class FilesContent(Content):
    """One directory. ``declared`` is what the release may do to its paths; ``reserve`` in bytes."""

    store: str
    version: str = ""
    reserve: int = 0
    declared: Bounds = field(default_factory=dict)

    unit: ClassVar[str] = "paths"
    beside: ClassVar[tuple[str, ...]] = (LISTING,)

    def problem(self, place: Path) -> str:
        """Why the place is no directory of its own."""
        try:
            status = place.lstat()
        except FileNotFoundError:
            return f"{place} is missing"
        return "" if stat.S_ISDIR(status.st_mode) else f"{place} is not a directory"

    def facts(self, place: Path) -> Facts:
        """Told from every name of the tree."""
        return stat_facts(place)

    def identities(self, place: Path) -> dict[Identity, str]:
        """Every file and directory of the tree."""
        return tree.identities(place)

    def size(self, place: Path) -> Size:
        """What a copy of the whole tree needs."""
        names = size = 0
        for entry in tree.walk(place, live=True):
            names += 1
            size += OVERHEAD + (entry.status.st_size if entry.kind == "file" else 0)
        return Size(size, names)

    def ask(self, place: Path, evidence: Path) -> dict[str, Any]:
        """What lies in the tree; refuses what a copy could not stand for, or could not own."""
        numbers = {"file": 0, "directory": 0, "link": 0}
        size, us = 0, os.geteuid()
        for entry in tree.walk(place, live=True):
            numbers[entry.kind] += 1
            size += entry.status.st_size if entry.kind == "file" else 0
            if us not in (0, entry.status.st_uid):
                reason = f"it belongs to user {entry.status.st_uid}, and only root can copy that"
                raise tree.refused(place, entry.path, reason)
        return {"bytes": size, "names": numbers}

    def take(self, source: Path, target: Path, seconds: float) -> Taken:
        """Copy the tree beside its writers. Each file is whole; ``steady`` says whether all are of
        one instant."""
        before = moving_facts(source)
        watch = Watch(source, target, self.reserve, time.monotonic() + seconds)
        with new_listing(target.with_name(LISTING)) as out:
            total = copy_tree(source, target, watch, live=True, out=out)
        return taken(total, steady=before is not None and before == moving_facts(source))

    def prove(self, backup: Path, copy: Path, taken: Taken) -> Taken:
        """The restored copy has, name by name, what was copied."""
        kept = read_listing(backup.with_name(LISTING), taken.sha256)
        for old, new in differences(kept, lines_of(copy)):
            line = new or old or {}
            raise StepFailed(
                f"the restored backup of {self.store} differs from its source: "
                f"{name_of(line)} is {kind_of(old, new)}",
                now="it is not used",
                untouched="the live data",
                next="see what writes to the state directory, then back up again",
            )
        return taken

    def copy(self, source: Path, target: Path, evidence: Path | None) -> dict[str, Any]:
        """Copy the tree at rest, whole."""
        total = copy_tree(source, target, lambda: None, live=False)
        return {"paths": total.paths, "bytes": total.bytes}

    def read(self, place: Path) -> Taken:
        """The tree's own digest."""
        total = read_tree(place)
        return Taken(total.bytes, total.digest.hexdigest(), total.paths)

    def verify(self, place: Path, size: int, sha256: str) -> None:
        """Compare the tree with the listing that lies beside it, name by name."""
        kept = read_listing(place.with_name(LISTING), sha256)
        for old, new in differences(kept, lines_of(place)):
            line = new or old or {}
            raise StepFailed(f"{name_of(line)} in it is {kind_of(old, new)}")

    def empty(self, place: Path) -> None:
        """A directory with nothing in it."""
        place.mkdir(mode=0o700)
        sync_file_system(place)

    def give(self, place: Path, ids: tuple[int, int] | None) -> None:
        """A tree keeps the owners it was copied with; an empty one becomes the service's."""
        names = sum(1 for _ in tree.walk(place))
        if ids is not None and names == 1:
            os.chown(place, ids[0], ids[1], follow_symlinks=False)
        sync_file_system(place)

    def judge(self, before: Path | None, after: Path, scratch: Path) -> dict[str, Any]:
        """What happened to each path. All must have been declared, and nothing strange be left."""
        if before is None:
            total = read_tree(after)
            return {"rows": total.paths, "bytes": total.bytes, "changes": {}}
        numbers = dict.fromkeys(NUMBERS, 0)
        first: dict[str, list[str]] = {kind: [] for kind in NUMBERS}
        total = Sum()
        for old, new in differences(lines_of(before), total.passing(lines_of(after))):
            kind = kind_of(old, new)
            numbers[kind] += 1
            if len(first[kind]) < SHOWN:
                first[kind].append(tree.shown(name_of(new or old or {})))
        wrong = [
            words
            for kind in NUMBERS
            for words in undeclared(
                kind, numbers[kind], f"paths {kind}", self.declared, first[kind]
            )
        ]
        if wrong:
            raise not_declared(self.store, self.version, wrong)
        return {"rows": total.paths, "bytes": total.bytes, "changes": {self.store: numbers}}

    def keep(self, place: Path, evidence: Path) -> dict[str, Any]:
        """Keep the listing of what is activated."""
        with new_listing(evidence / ACTIVATED) as out:
            total = read_tree(place, out)
        return {"listing": str(evidence / ACTIVATED), "sha256": total.digest.hexdigest()}

    def delta(self, kept: dict[str, Any], place: Path, evidence: Path, release: str) -> Delta:
        """Every path that was added, changed or deleted; all of it would be given up."""
        return export(Path(kept["listing"]), kept["sha256"], place, evidence / "delta")

    def remove(self, place: Path) -> None:
        """Remove a copy of our own."""
        remove_tree(place)

    def failed_name(self, stamp: str) -> str:
        """A directory beside the other evidence."""
        return f"failed-{stamp}"


def taken(total: Sum, steady: bool) -> Taken:
    """What was copied, as the manifest tells it."""
    detail = {"names": dict(total.numbers), "steady": steady}
    return Taken(total.bytes, total.digest.hexdigest(), total.paths, detail)


def moving_facts(source: Path) -> Facts | None:
    """The facts of a tree that may be moving; None when a name went while they were told."""
    try:
        return stat_facts(source)
    except FileNotFoundError:
        return None


@contextmanager
def new_listing(path: Path) -> Iterator[IO[bytes]]:
    """A listing that is there, durable, when it was written to its end, and not before."""
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(aside, flags, 0o600), "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        aside.rename(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
