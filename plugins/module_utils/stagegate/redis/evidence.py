"""What is kept of a failed state before it is left: its files, and every key written since."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from ..errors import Fenced, StepFailed
from ..files import fsync_dir, make_private_dir, write_json
from ..journal import Journal
from ..store.copying import copy_file, digest_file
from ..store.steps import Result, ended, last_state
from .client import Client, Unreachable, connected
from .difference import Delta, export_delta
from .freeze import LEAVING, own_image
from .image import served_image, write_snapshot
from .manifest import PIN
from .server import Layout, layout_of, refuse_others, settings
from .task import Task

TRIES = 3
"""How often the append-only files are copied again when Redis rewrote them meanwhile."""


def forensic(journal: Journal, task: Task) -> Result:
    """Keep a copy of the present data, pinned: a fresh snapshot, and the append-only files.

    Other hosts may go on writing. A server that is down is kept as the files that it left.
    """
    with journal.step(task.phase, task.step, {"place": task.store.place}) as step:
        if step.earlier is not None and still_kept(step.earlier.state):
            return ended(step, dict(step.earlier.state), {"resumed": True})
        pin(task)
        target = fresh_directory(task, journal.clock.wall())
        layout, running = present_layout(journal, task)
        files = keep_files(layout, target)
        state = {"directory": str(target), "files": files, "running": running}
        return ended(step, state, {**state, "bytes": sum(f["bytes"] for f in files.values())})


def fresh_directory(task: Task, wall: str) -> Path:
    """A directory named by the time (UTC text), also for a second try in the same second."""
    stamp = wall[:19].replace("-", "").replace(":", "")
    tries = sum(1 for _ in task.evidence.glob(f"failed-{stamp}Z*"))
    target = task.evidence / f"failed-{stamp}Z{f'.{tries + 1}' if tries else ''}"
    make_private_dir(target)
    return target


def present_layout(journal: Journal, task: Task) -> tuple[Layout, bool]:
    """Where the data lie, with a fresh snapshot when the server is up; and whether it is.

    Of a server that is down the ledger must know it. Raises Unreachable when it does not.
    """
    try:
        with connected(task.store, task.client_name) as client:
            layout = layout_of(settings(client))
            write_snapshot(client, task.deadline, blocking=False)
            return layout, True
    except Unreachable:
        kept = last_state(journal, f"stage:{task.store.name}") or {}
        kept = kept if "layout" in kept else last_state(journal, f"store:{task.store.name}") or {}
        if "layout" not in kept:
            raise
        return Layout(**kept["layout"]), False


def keep_files(layout: Layout, target: Path) -> dict[str, Any]:
    """Copy what holds the data; the name, size and digest of each copy."""
    copied = []
    if layout.rdb.is_file():
        copy_file(layout.rdb, target / layout.rdb.name)
        copied.append(target / layout.rdb.name)
    if layout.aof.is_dir():
        copied += keep_appends(layout.aof, target / layout.aof.name)
    fsync_dir(target)
    return {
        str(place.relative_to(target)): {
            "bytes": place.stat().st_size,
            "sha256": digest_file(place),
        }
        for place in copied
    }


def keep_appends(source: Path, target: Path) -> list[Path]:
    """Copy the append-only files; again when Redis took one away in the middle."""
    make_private_dir(target)
    for left in range(TRIES - 1, -1, -1):
        for old in target.iterdir():
            old.unlink()
        try:
            for place in sorted(source.iterdir()):
                if place.is_file() and not place.is_symlink():
                    copy_file(place, target / place.name)
            break
        except (StepFailed, OSError):
            if not left:
                raise
    fsync_dir(target)
    return sorted(target.iterdir())


def still_kept(state: dict[str, Any]) -> bool:
    """True when an earlier copy is whole."""
    with contextlib.suppress(StepFailed, OSError):
        return all(
            digest_file(Path(state["directory"]) / name) == facts["sha256"]
            for name, facts in state["files"].items()
        )
    return False


def pin(task: Task) -> None:
    """Keep what belongs to this run from ever being removed by retention."""
    make_private_dir(task.evidence)
    write_json(task.evidence / PIN, {"run": task.run.id})


def count_delta(journal: Journal, task: Task) -> Result:
    """Count and export every key that was written since the frozen image; services must be down."""
    with journal.step(task.phase, task.step, {"place": task.store.place}) as step:
        staged = last_state(journal, f"stage:{task.store.name}")
        if staged is None or not staged["frozen"]:
            return ended(step, {"count": 0, "frozen": False}, {"count": 0, "frozen": False})
        with connected(task.store, task.client_name) as client:
            refuse_others(client, LEAVING, Fenced)
            delta = written_since(task, staged, client, task.evidence / "delta.jsonl")
        evidence = {
            "count": delta.count,
            "databases": delta.databases,
            "file": delta.file,
            "sha256": delta.sha256,
        }
        return ended(step, {**evidence, "frozen": True}, evidence)


def written_since(task: Task, staged: dict[str, Any], client: Client, target: Path) -> Delta:
    """What differs between the image of this run and the present. Raises Fenced."""
    try:
        manifest = own_image(task, staged)
    except StepFailed as error:
        raise Fenced(
            f"what was written since cannot be counted: {error.what}",
            now="services are held, the data are as the new release left them",
            untouched="the live data",
            next="decide by hand: keep the data, or restore this run's backup",
        ) from error
    layout = Layout(**manifest.layout)
    with served_image(task, task.frozen / manifest.file, layout.databases) as image:
        client.timeout = task.deadline
        return export_delta(image, client, target)
