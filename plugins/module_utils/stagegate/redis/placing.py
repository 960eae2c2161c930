"""The files that a server loads at its start: taken aside whole, and an image put in their place.

A server that appends loads its append-only files and never looks at the snapshot. So the image
becomes both: the snapshot, and the base of a new set of append-only files. Redis takes a snapshot
as such a base since version 7, where a manifest lists the files. Nothing is removed: what was there
stays beside, under the name of the run that took it away.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import StepFailed
from ..files import fsync_dir, write_atomic
from ..store.copying import copy_file
from .manifest import Manifest
from .model import Store
from .server import Layout

PASSED_ON = 0o700


def take_aside(layout: Layout, prefix: str) -> Path | None:
    """Move snapshot and append-only files into a directory of their own; None without any.

    Each try gets another directory: what an earlier one put in their place is evidence too.
    """
    present = [place for place in (layout.rdb, layout.aof) if os.path.lexists(place)]
    if not present:
        return None
    root = Path(layout.directory)
    taken = sum(1 for place in root.iterdir() if place.name.startswith(prefix))
    aside = root / f"{prefix}.{taken + 1}"
    aside.mkdir(mode=PASSED_ON)
    fsync_dir(root)
    for place in present:
        place.rename(aside / place.name)
    fsync_dir(aside)
    fsync_dir(root)
    return aside


def put_image(store: Store, layout: Layout, image: Path, manifest: Manifest, appends: bool) -> None:
    """Make the image what the server loads, whichever of its files it looks at.

    The server must be down. Each part is whole under another name before it gets its own.
    """
    root = Path(layout.directory)
    for place in (layout.rdb, layout.aof):
        if os.path.lexists(place):
            raise StepFailed(f"{place} is in the way: it was not taken aside")
    if appends:
        put_appends(store, layout, image, manifest)
    aside = root / f".{layout.snapshot}.image"
    aside.unlink(missing_ok=True)
    copy_file(image, aside)
    give(store, aside, int(manifest.mode, 8), manifest)
    aside.rename(layout.rdb)
    fsync_dir(root)


def put_appends(store: Store, layout: Layout, image: Path, manifest: Manifest) -> None:
    """A set of append-only files that begins with the image and holds nothing else."""
    root = Path(layout.directory)
    aside = root / f".{layout.append_directory}.image"
    if aside.exists():
        for left in aside.iterdir():
            left.unlink()
        aside.rmdir()
    aside.mkdir(mode=PASSED_ON)
    base = aside / f"{layout.append_file}.1.base.rdb"
    copy_file(image, base)
    listing = aside / f"{layout.append_file}.manifest"
    write_atomic(listing, f"file {base.name} seq 1 type b\n".encode())
    mode = int(manifest.mode, 8)
    for place in (base, listing):
        give(store, place, mode, manifest)
    give(store, aside, mode | (mode & 0o444) >> 2, manifest)  # who may read files may enter
    fsync_dir(aside)
    aside.rename(layout.aof)
    fsync_dir(root)


def give(store: Store, place: Path, mode: int, manifest: Manifest) -> None:
    """Make a file the server's own, as its snapshot was."""
    ids = store.owner_ids() or (manifest.uid, manifest.gid)
    descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, mode)
        if os.geteuid() == 0:
            os.fchown(descriptor, ids[0], ids[1])
    finally:
        os.close(descriptor)
