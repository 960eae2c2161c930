"""What was written to a tree since it was activated: counted by path, and kept as copies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO

from ..errors import Fenced, StepFailed
from ..files import make_private_dir
from ..plain.content import Delta
from ..store.copying import copy_file, digest_file, remove_tree
from .copying import sync_file_system
from .listing import Line, differences, kind_of, lines_of, read_listing

CHANGES = "changes.jsonl"
"""What happened, a line for each path: ``{"path", "op", "before", "now"}``."""

FILES = "files"
"""The files that were added or changed, under their own paths."""


def export(listing: Path, sha256: str, top: Path, target: Path) -> Delta:
    """Copy every file that is new or changed since the listing was kept; list every path.

    Going back gives up all of it: the former data stand for themselves. Raises Fenced when the
    listing is not the one that was kept: then nobody can say what was written since.
    """
    aside = target.with_name(f".{target.name}.new")
    for left in (aside, target):  # an earlier count, which the same data give again
        remove_tree(left)
    make_private_dir(aside / FILES)
    numbers = {"added": 0, "changed": 0, "deleted": 0}
    try:
        with (aside / CHANGES).open("wb") as out:
            for old, new in differences(read_listing(listing, sha256), lines_of(top, strict=False)):
                numbers[kind_of(old, new)] += 1
                tell(out, old, new)
                if new is not None and new["type"] == "file":
                    keep_file(top, new, aside / FILES)
    except StepFailed as error:
        raise Fenced(
            f"what was written to {top} since it went live cannot be counted: {error.what}",
            now="services are held, the data are as the new release left them",
            untouched="both generations",
            next="decide by hand; both generations are whole",
        ) from error
    sync_file_system(aside)
    aside.rename(target)
    sync_file_system(target)
    count = sum(numbers.values())
    return Delta(count, count, numbers, str(target), digest_file(target / CHANGES))


def tell(out: IO[bytes], old: Line | None, new: Line | None) -> None:
    """One line of what happened."""
    known = new or old or {}
    line = {"path": known["path"], "op": kind_of(old, new), "before": old, "now": new}
    out.write(json.dumps(line, sort_keys=True, ensure_ascii=True).encode() + b"\n")


def keep_file(top: Path, line: Line, target: Path) -> None:
    """Copy one file below its own path; services are held, so that it is still the same."""
    copy = target / line["path"]
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy_file(top / line["path"], copy, durable=False)
