"""Remove releases that no rollback can need."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..files import fsync_dir
from ..journal import Journal
from ..ledger import Entry
from ..memory import journal_for
from .links import Root, read_live, target_version
from .request import Request
from .stage import REMOVED
from .tree import make_removable, remove_tree

KEPT = 5
"""Releases that stay beside the live one and the one before it."""


def prune(request: Request, check_mode: bool) -> dict[str, Any]:
    """Keep the newest releases, the live one and the one before it; remove the others.

    A release loses its name before it loses its files, so that none is ever half there. Journal
    step (<phase>, "prune"), state {kept, removed}, only when something is removed.
    """
    root = request.root
    with journal_for(request.run, check_mode) as journal:
        kept, surplus = choose(root, journal.entries)
        archives = surplus_archives(journal, kept)
        result = {"changed": bool(surplus or archives), "kept": kept, "removed": surplus}
        if check_mode or not result["changed"]:
            return result
        with journal.step(request.phase or "report", "prune", {"removed": surplus}) as step:
            for version in surplus:
                remove_release(root, version)
            for archive in archives:
                archive.unlink()
            step.done(state={"kept": kept, "removed": surplus})
    return result


def choose(root: Root, entries: Iterable[Entry]) -> tuple[list[str], list[str]]:
    """The versions to keep and to remove, newest first; while none is live, none is surplus."""
    live = read_live(root)
    if not live:
        return [], []
    newest = sorted(
        (entry for entry in root.releases.iterdir() if not entry.name.startswith(".")),
        key=lambda entry: (entry.stat().st_mtime_ns, entry.name),
        reverse=True,
    )
    names = [entry.name for entry in newest]
    wanted = {*names[:KEPT], live, former(entries)}
    return [n for n in names if n in wanted], [n for n in names if n not in wanted]


def former(entries: Iterable[Entry]) -> str:
    """The version that the last switch left, or "" when there was none."""
    old = ""
    for entry in entries:
        if entry.step == "activate_release" and entry.kind == "done":
            old = target_version(str(entry.state.get("old") or ""))
    return old


def surplus_archives(journal: Journal, kept: list[str]) -> list[Path]:
    """Copied archives whose releases are no longer kept."""
    if not kept:
        return []
    needed = {
        str(entry.state.get("digest", "")).partition(":")[2]
        for entry in journal.entries
        if (entry.step, entry.kind) == ("stage", "done") and entry.state.get("version") in kept
    }
    folder = journal.run.state / "artifacts"
    return sorted(place for place in folder.glob("*.tar") if place.stem not in needed)


def remove_release(root: Root, version: str) -> None:
    """Take a release away: first its name, then its files."""
    place, gone = root.release(version), root.releases / f"{REMOVED}{version}"
    make_removable(place)
    place.rename(gone)
    fsync_dir(root.releases)
    remove_tree(gone)
