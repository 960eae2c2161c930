"""What a host has of a system's releases, and whether another one could be put there."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path
from typing import Any

from ..errors import BadInput, Refused
from ..files import fsync_dir, write_atomic
from ..ledger import read_ledger
from .archive import open_pinned, read_archive, read_texts
from .links import UNTOUCHED, Root, read_live
from .manifest import NAME
from .request import Request, recorded_manifest
from .stage import check_pinned, leftovers
from .tree import shorten, verify_tree

SPARE = 64 << 20
"""Bytes that must stay free beside the release itself."""


def inspect(request: Request) -> dict[str, Any]:
    """Prove on the controller that the archive is the pinned one, whole, and safe to unpack.

    Result: {version, name, migration_class, manifest, migrations: {path: sha256}, paths,
    texts: {path: text} of the paths that were asked for, files, bytes}.
    """
    with open_pinned(request.archive, request.release.digest) as handle:
        listed = read_archive(handle)
        handle.seek(0)
        texts = read_texts(handle, request.texts) if request.texts else {}
    check_pinned(listed, request.release, request.run.system)
    return {
        "version": listed.version,
        "name": listed.name,
        "migration_class": listed.migration_class,
        "manifest": listed.sha256,
        "migrations": listed.below(request.migrations),
        "paths": sorted(listed.files),
        "texts": texts,
        "files": len(listed.files),
        "bytes": listed.bytes,
    }


def probe(request: Request, check_mode: bool) -> dict[str, Any]:
    """The live release, verified to its last file, and the room for another.

    Result: {live: "absent" | {version, path, verified}, staged: [versions], partial: [names],
    space: {free_bytes, free_inodes}}. Writes no ledger line. Raises Refused for what would make
    the way forward or the way back fail.
    """
    root = request.root
    for place in (root.path, root.releases):
        check_owner(place, request.service_user)
    live = read_live(root)
    result = {
        "live": verify_live(request, live) if live else "absent",
        "staged": staged_versions(root),
        "partial": leftovers(root),
        "space": check_space(request),
    }
    if not check_mode:
        check_writable(root)
    return result


def staged_versions(root: Root) -> list[str]:
    """The versions that stand in their directories."""
    if not root.releases.is_dir():
        return []
    return sorted(e.name for e in root.releases.iterdir() if not e.name.startswith("."))


def check_owner(place: Path, service_user: str) -> None:
    """Raise Refused when others than the owner may write to a directory, or the services own it."""
    if not place.exists():
        return
    status = place.lstat()
    wrong = ""
    if not stat.S_ISDIR(status.st_mode):
        wrong = "is not a directory"
    elif status.st_mode & 0o022:
        wrong = f"may be written to by others (mode {stat.S_IMODE(status.st_mode):04o})"
    elif os.geteuid() == 0 and service_user and status.st_uid == user_id(service_user) != 0:
        wrong = f"belongs to the service user {service_user}"
    if wrong:
        raise Refused(
            f"{place} {wrong}",
            now="a service could change the code that runs next",
            untouched=UNTOUCHED,
            next=f"chown root:root {place} && chmod 0755 {place}, then run the same command again",
        )


def user_id(name: str) -> int:
    """The number of a user, or -1 for one that does not exist yet."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return -1


def verify_live(request: Request, live: str) -> dict[str, Any]:
    """The live release; raise Refused when it could not be gone back to as it was staged."""
    place = request.root.release(live)
    entries = read_ledger(request.run.state / "ledger.jsonl").entries
    try:
        _, said = verify_tree(place, recorded_manifest(entries, request.root, live))
    except BadInput as error:
        said = [error.what]
    if said:
        raise Refused(
            f"the live release {live} on {request.run.host} is not what was staged: "
            f"{shorten(said)}",
            now=f"it runs, but going back to it would not give the code that {NAME} lists",
            untouched=UNTOUCHED,
            next=f"put the files of {place} back from its archive, and find out who changed them",
        )
    return {"version": live, "path": str(place), "verified": True}


def check_space(request: Request) -> dict[str, int]:
    """Free bytes and inodes; raise Refused when the release does not fit."""
    place = nearest(request.root.releases)
    disk = os.statvfs(place)
    free = {"free_bytes": disk.f_bavail * disk.f_frsize, "free_inodes": disk.f_favail}
    short = []
    if request.need_bytes and free["free_bytes"] < request.need_bytes + SPARE:
        short.append(f"{request.need_bytes + SPARE} bytes, {free['free_bytes']} are free")
    # Some file systems (btrfs) make inodes as needed, and count none.
    if request.need_files and disk.f_files and free["free_inodes"] < 2 * request.need_files:
        short.append(f"{2 * request.need_files} inodes, {free['free_inodes']} are free")
    if short:
        raise Refused(
            f"release {request.release.version} does not fit into {place} on {request.run.host}: "
            f"it needs {' and '.join(short)}",
            now="nothing was copied",
            untouched=UNTOUCHED,
            next=f"free space below {place}, or remove old releases, then run the command again",
        )
    return free


def nearest(place: Path) -> Path:
    """The deepest directory of a path that exists."""
    return next(p for p in (place, *place.parents) if p.is_dir())


def check_writable(root: Root) -> None:
    """Raise Refused unless a file can be made, made durable, renamed and removed there."""
    folder = nearest(root.releases)
    if folder != root.releases:
        if not os.access(folder, os.W_OK | os.X_OK):
            raise refuse_unwritable(folder, "no permission")
        return
    place = folder / f".probe-{os.getpid()}"
    try:
        write_atomic(place, b"probe\n")
        place.unlink()
        fsync_dir(folder)
    except OSError as error:
        raise refuse_unwritable(folder, error.strerror or str(error)) from error


def refuse_unwritable(folder: Path, why: str) -> Refused:
    """The words for a release root that takes no release."""
    return Refused(
        f"no release can be put into {folder}: {why}",
        now="nothing was changed",
        untouched=UNTOUCHED,
        next="make it writable for the user that deploys, then run the same command again",
    )
