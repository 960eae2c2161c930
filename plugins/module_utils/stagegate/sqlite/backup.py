"""A verified backup: copied beside the writers, restored, compared, and only then called one."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadInput
from ..files import fsync_dir, make_private_dir
from ..store.facts import file_facts
from ..store.space import Need, refuse_shortage
from ..store.task import FILE, PIN
from .drill import Proof, drill
from .manifest import VERSION, Manifest, write_manifest
from .model import Store
from .rest import beside
from .snapshot import Snapshot, take_snapshot


@dataclass(frozen=True)
class Places:
    """Where one backup and its drilled copy go, and the run they belong to."""

    run: str
    directory: Path
    scratch: Path


def take_backup(store: Store, source: Path, places: Places, taken: str, seconds: float) -> Manifest:
    """Take and drill one backup of a live database.

    Nothing of a failed try is left, and a directory without a manifest is no backup. ``taken`` is
    UTC text, ``seconds`` the deadline of each part. Raises StepFailed, Refused when there is no
    room, BadInput when a finished backup is there already.
    """
    refuse_no_room(store, source, places)
    clear(places.directory)
    make_private_dir(places.directory)
    partial = places.directory / f"{store.file}.partial"
    final = places.directory / store.file
    try:
        snapshot = take_snapshot(
            source, partial, store.is_bookkeeping, seconds=seconds, reserve=store.reserve
        )
        partial.rename(final)
        fsync_dir(places.directory)
        proof = drill(store, final, places.scratch / store.file, snapshot, seconds)
        manifest = written_down(store, source, places, taken, snapshot, proof)
        write_manifest(places.directory, manifest)
    except BaseException:
        clear(places.directory)
        raise
    return manifest


def refuse_no_room(store: Store, source: Path, places: Places) -> None:
    """Raise Refused unless backup, drilled copy and the reserve of the service have room."""
    refuse_shortage(
        [Need(place, live_bytes(source)) for place in (places.directory, places.scratch)],
        store.reserve,
    )


def live_bytes(source: Path) -> int:
    """An upper bound of a database's size: the file and its WAL."""
    wal = beside(source, "-wal")
    return source.stat().st_size + (wal.stat().st_size if wal.exists() else 0)


def written_down(
    store: Store, source: Path, places: Places, taken: str, snapshot: Snapshot, proof: Proof
) -> Manifest:
    """The manifest of a drilled backup."""
    final = places.directory / store.file
    original = file_facts(source)
    return Manifest(
        version=VERSION,
        store=store.name,
        run=places.run,
        source=str(source),
        database=store.file,
        taken=taken,
        bytes=final.stat().st_size,
        sha256=proof.sha256,
        page_size=snapshot.page_size,
        journal_mode=snapshot.journal_mode,
        user_version=snapshot.user_version,
        application_id=snapshot.application_id,
        schema=snapshot.schema.fingerprint,
        tables=proof.tables,
        sqlite=sqlite3.sqlite_version,
        uid=original["uid"],
        gid=original["gid"],
        mode=original["mode"],
    )


def clear(directory: Path) -> None:
    """Remove what an unfinished backup left. Raises BadInput for a finished one."""
    if not directory.exists():
        return
    if (directory / FILE).exists() or (directory / PIN).exists():
        raise BadInput(
            f"{directory} holds a finished backup already",
            now="it was left as it is",
            untouched="the live database",
            next="back up under another run, or resume this one",
        )
    for left in directory.iterdir():
        left.unlink()
    directory.rmdir()
