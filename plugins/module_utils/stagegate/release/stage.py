"""Put a release into its own directory, whole or not at all, without making it live."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import BadInput, Refused, StepFailed
from ..files import fsync_dir, make_private_dir
from ..journal import Journal, open_journal
from .archive import open_pinned, read_archive, read_first
from .links import Root, read_live
from .manifest import Manifest
from .request import Release, Request
from .tree import differences, make_removable, remove_tree, shorten, verify_tree

FULL = (errno.ENOSPC, errno.EDQUOT)
STAGING, REMOVED = ".staging-", ".removed-"
KEPT = "the live release, every service and all data"


def stage(request: Request, check_mode: bool) -> dict[str, Any]:
    """Unpack the pinned archive to ``releases/<version>``; what is there already stays.

    The directory appears under its name in one rename, after every file in it is verified and on
    the disk. Journal step ("release", "stage"), state {version, path, digest, manifest}.
    """
    place = request.root.release(request.release.version)
    plan = {
        "changed": not place.is_dir(),
        "diff": {"before": "", "after": f"{place}\n"} if not place.is_dir() else {},
        # Not "path": Ansible would add the status of a file by that name to the result.
        "release_path": str(place),
    }
    if check_mode:
        return plan
    inputs = {"version": request.release.version, "digest": request.release.digest}
    with open_journal(request.run) as journal, journal.step("release", "stage", inputs) as step:
        listed, changed, notes = stage_archive(request, journal)
        step.done(
            state={**inputs, "path": str(place), "manifest": listed.sha256},
            evidence={"files": len(listed.files), "bytes": listed.bytes, **notes},
        )
    return {**plan, "changed": changed, "evidence": notes}


def stage_archive(request: Request, journal: Journal) -> tuple[Manifest, bool, dict[str, Any]]:
    """The staged manifest, whether anything was unpacked, and what was set aside for it."""
    root, place = request.root, request.root.release(request.release.version)
    clear_leftovers(root)
    notes: dict[str, Any] = {}
    with open_pinned(request.archive, request.release.digest) as handle:
        if place.exists() or place.is_symlink():
            listed = read_first(handle)
            check_pinned(listed, request.release, request.run.system)
            said = compare(place, listed)
            if not said:
                return listed, False, notes
            notes["set_aside"] = set_aside(request, place, said)
            notes["differences"] = shorten(said)
            handle.seek(0)
        staging = root.releases / f"{STAGING}{request.run.id}"
        try:
            staging.mkdir(mode=0o700)
            listed = unpack(handle, staging, request)
        except BaseException:
            remove_tree(staging)
            raise
    publish(staging, place)
    return listed, True, notes


def compare(place: Path, listed: Manifest) -> list[str]:
    """In what a directory differs from the release that should stand there."""
    try:
        _, said = verify_tree(place, listed.sha256)
    except BadInput as error:
        return [error.what]
    return said


def check_pinned(listed: Manifest, release: Release, system: str) -> None:
    """Raise BadInput unless the manifest is of the release that the operator pinned."""
    pinned = {
        "name": system,
        "version": release.version,
        "migration_class": release.migration_class,
    }
    for key, wanted in pinned.items():
        found = getattr(listed, key)
        if found != wanted:
            raise BadInput(
                f"the archive's manifest says {key} {found!r}, the pinned release says {wanted!r}",
                now="nothing was unpacked",
                untouched=KEPT,
                next="pin what was built, or build what was pinned",
            )


def unpack(handle: BinaryIO, staging: Path, request: Request) -> Manifest:
    """Unpack and verify on the disk. Raises StepFailed with the figures when the disk is full."""
    try:
        listed = read_archive(handle, staging)
    except OSError as error:
        if error.errno not in FULL:
            raise
        free = shutil.disk_usage(request.root.path).free
        needed = os.fstat(handle.fileno()).st_size
        raise StepFailed(
            f"no space left to unpack release {request.release.version} on {request.run.host}: "
            f"about {needed} bytes are needed, {free} are free in {request.root.path}",
            now="the staging directory was removed again",
            untouched=KEPT,
            next=f"free space below {request.root.path}, then run the same command again",
        ) from error
    check_pinned(listed, request.release, request.run.system)
    said = differences(staging, listed)
    if said:
        raise StepFailed(
            f"what was unpacked to {staging} is not what was written: {shorten(said)}",
            now="the staging directory was removed again",
            untouched=KEPT,
            next="check the disk of this host before anything else is deployed to it",
        )
    return listed


def publish(staging: Path, place: Path) -> None:
    """Give a finished directory its name, in one durable step."""
    staging.rename(place)
    fsync_dir(place.parent)


def set_aside(request: Request, place: Path, said: list[str]) -> str:
    """Keep a directory that is not the release it is named after; return where.

    It stays below the release root, because only there one rename moves it. Raises Refused for the
    live one.
    """
    version = request.release.version
    if read_live(request.root) == version:
        raise Refused(
            f"release {version} is live on {request.run.host} and differs from its archive: "
            f"{shorten(said)}",
            now=f"{place} is what the services run from; it was not touched",
            untouched=KEPT,
            next=f"find out who changed {place}; deploy another version, or put its files back",
        )
    folder = request.root.path / "evidence" / request.run.id
    make_private_dir(folder)
    kept = folder / f"{version}.{sum(1 for _ in folder.iterdir())}"
    if not place.is_symlink() and place.is_dir():
        make_removable(place)
    place.rename(kept)
    fsync_dir(folder)
    fsync_dir(place.parent)
    return str(kept)


def clear_leftovers(root: Root) -> None:
    """Remove what a killed stage or prune left; nothing of it ever had a release's name."""
    for leftover in leftovers(root):
        remove_tree(root.releases / leftover)


def leftovers(root: Root) -> list[str]:
    """Directories that a killed stage or prune left half-way."""
    if not root.releases.is_dir():
        return []
    names = (entry.name for entry in root.releases.iterdir())
    return sorted(name for name in names if name.startswith((STAGING, REMOVED)))
