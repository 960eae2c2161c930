"""A backup beside the users: taken, loaded by a server of our own, and only then called one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..journal import Journal
from ..store.steps import Result, ended
from .client import connected
from .image import image_evidence, take_image
from .manifest import FILE, Manifest, verify_image
from .task import Task

LEVEL = 3
"""Of reliability: digest, structure, and a load by a server that was counted key by key."""


def back_up(journal: Journal, task: Task) -> Result:
    """Take a backup of the live server and prove it by a server of our own that loads it."""
    with journal.step(task.phase, task.step, {"place": task.store.place}) as step:
        if (task.backup / FILE).exists():  # an earlier try of this run finished it: trust its bytes
            earlier = step.earlier.state if step.earlier is not None else {}
            manifest = verify_image(task.backup, task.store, str(earlier.get("sha256", "")))
        else:
            manifest = take(task, journal.clock.wall())
        return ended(step, backup_state(task, manifest), backup_evidence(task.backup, manifest))


def take(task: Task, taken: str) -> Manifest:
    """A proved backup of the live server, in this run's place. ``taken`` is UTC text."""
    with connected(task.store, task.client_name) as client:
        return take_image(client, task, task.backup, taken, frozen=False)


def backup_state(task: Task, manifest: Manifest) -> dict[str, Any]:
    """What later steps need of a backup."""
    return {
        "absent": False,
        "directory": str(task.backup),
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
        "keys": manifest.keys,
        "layout": manifest.layout,
    }


def backup_evidence(directory: Path, manifest: Manifest) -> dict[str, Any]:
    """What the report shows of a backup.

    The keys are those of the image: users went on writing, and no count of the live server is one
    of the same instant.
    """
    return {
        **image_evidence(manifest),
        "store": manifest.store,
        "path": str(directory / manifest.file),
        "taken": manifest.taken,
        "redis": manifest.redis,
        "level": LEVEL,
        "counted_in": "the image, loaded by a server of its own",
    }
