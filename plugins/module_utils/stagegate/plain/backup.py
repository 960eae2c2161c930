"""A verified backup: copied beside the writers, restored, compared, and only then called one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..files import fsync_dir, make_private_dir
from ..store.generations import content_of
from ..store.space import Need, refuse_shortage
from ..store.task import FILE, PIN
from .account import account_of, copy_account
from .content import Taken
from .live import locate
from .manifest import VERSION, Manifest, write_manifest
from .task import PlainTask

LEVEL = 3
"""Of reliability: digest, structure, and a restore that was compared by content."""


def take(task: PlainTask, taken: str) -> Manifest | None:
    """A drilled backup of the live data; None when there are none yet. ``taken`` is UTC text."""
    target = locate(task)
    return None if target is None else take_backup(task, content_of(task.store, target), taken)


def take_backup(task: PlainTask, source: Path, taken: str) -> Manifest:
    """Take and drill one backup of live data.

    Nothing of a failed try is left, and a directory without a manifest is no backup. Raises
    StepFailed, Refused when there is no room, BadInput when a finished backup is there already.
    """
    size = task.content.size(source)
    needs = [Need(place, size.bytes, size.inodes) for place in (task.backup, task.scratch)]
    refuse_shortage(needs, task.store.reserve)
    clear(task)
    make_private_dir(task.backup)
    partial, final = task.backup / f"{task.store.file}.partial", task.backup / task.store.file
    try:
        found = task.content.take(source, partial, task.deadline)
        account = copy_account(source, final)
        partial.rename(final)
        fsync_dir(task.backup)
        restore_copy(task, final)
        found = task.content.prove(final, task.rehearsed, found)
        manifest = written_down(task, source, taken, account, found)
        write_manifest(task.backup, manifest)
    except BaseException:
        clear(task)
        raise
    return manifest


def restore_copy(task: PlainTask, backup: Path) -> None:
    """Restore a backup into scratch, in place of what an earlier try left there."""
    make_private_dir(task.scratch)
    task.content.remove(task.rehearsed)
    account_of(task.rehearsed).unlink(missing_ok=True)
    task.content.copy(backup, task.rehearsed, None)
    copy_account(backup, task.rehearsed)


def written_down(task: PlainTask, source: Path, taken: str, account: str, found: Taken) -> Manifest:
    """The manifest of a drilled backup."""
    return Manifest(
        version=VERSION,
        store=task.store.name,
        run=task.run.id,
        source=str(source),
        data=task.store.file,
        taken=taken,
        bytes=found.bytes,
        sha256=found.sha256,
        count=found.count,
        account=account,
        detail=found.detail,
    )


def clear(task: PlainTask) -> None:
    """Remove what an unfinished backup left. Raises BadInput for a finished one."""
    directory = task.backup
    if not directory.exists():
        return
    if (directory / FILE).exists() or (directory / PIN).exists():
        raise BadInput(
            f"{directory} holds a finished backup already",
            now="it was left as it is",
            untouched="the live data",
            next="back up under another run, or resume this one",
        )
    for left in directory.iterdir():
        task.content.remove(left)
    directory.rmdir()


def backup_state(task: PlainTask, manifest: Manifest) -> dict[str, Any]:
    """What later steps need of a backup."""
    return {
        "absent": False,
        "directory": str(task.backup),
        "data": str(task.backup / manifest.data),
        "scratch": str(task.rehearsed),
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
    }


def backup_evidence(directory: Path, manifest: Manifest) -> dict[str, Any]:
    """What the report shows of a backup."""
    return {
        "store": manifest.store,
        "path": str(directory / manifest.data),
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
        "rows": manifest.count,
        "taken": manifest.taken,
        "level": LEVEL,
        **manifest.detail,
    }
