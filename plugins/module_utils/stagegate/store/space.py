"""The places a run writes to: what file system they are on, and whether they have room."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import Refused
from ..files import fsync_dir

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "ceph", "glusterfs", "lustre"}
    | {"fuse.sshfs", "fuse.glusterfs"}
)
"""File systems whose locks SQLite must not be trusted to."""

OCTAL = re.compile(r"\\([0-7]{3})")
"""How the kernel writes a space and the like in a mount point."""

INODES_NEEDED = 64
UNTOUCHED = "every service and all data"


@dataclass(frozen=True)
class Need:
    """How many bytes a run will write below a directory, and how many names."""

    directory: Path
    bytes: int
    inodes: int = INODES_NEEDED


def existing(path: Path) -> Path:
    """The path itself, or its nearest parent that exists."""
    return next(place for place in (path, *path.parents) if place.exists())


def file_system(mountinfo: str, path: Path) -> str:
    """The type of the file system that holds a path, from the text of ``/proc/self/mountinfo``."""
    best, kind = -1, "unknown"
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, described = left.split(), right.split()
        if len(fields) < 5 or not described:
            continue
        point = Path(OCTAL.sub(lambda found: chr(int(found.group(1), 8)), fields[4]))
        inside = point == path or point in path.parents
        if inside and len(point.parts) >= best:  # of two on one place, the later one is seen
            best, kind = len(point.parts), described[0]
    return kind


def refuse_network(path: Path, mountinfo: str) -> str:
    """The type of the file system under a path. Raises Refused for one without reliable locks."""
    kind = file_system(mountinfo, existing(path).resolve())
    if kind in NETWORK:
        raise Refused(
            f"{path} is on {kind}: SQLite cannot rely on the locks of a network file system",
            now="nothing was changed",
            untouched=UNTOUCHED,
            next="move the data to a local disk",
        )
    return kind


def refuse_shortage(needs: list[Need], reserve: int) -> None:
    """Raise Refused unless every file system has room for all that goes there."""
    by_device: dict[int, list[Need]] = {}
    for need in needs:
        place = existing(need.directory)
        by_device.setdefault(place.stat().st_dev, []).append(Need(place, need.bytes, need.inodes))
    for group in by_device.values():
        inodes = max(INODES_NEEDED, sum(n.inodes for n in group if n.inodes > INODES_NEEDED))
        refuse_full(group[0].directory, sum(need.bytes for need in group) + reserve, inodes)


def refuse_full(place: Path, needed: int, inodes: int = INODES_NEEDED) -> None:
    """Raise Refused unless one file system has so many bytes free, and inodes."""
    status = os.statvfs(place)
    free = status.f_bavail * status.f_frsize
    if free < needed:
        raise Refused(
            f"not enough space below {place}: needed {needed} bytes ({megabytes(needed)} MB), "
            f"free {free} bytes ({megabytes(free)} MB)",
            now="nothing was changed",
            untouched=UNTOUCHED,
            next="free space there, or lower stores[].reserve_mb",
        )
    if status.f_files and status.f_favail < inodes:  # some file systems count none
        raise Refused(
            f"not enough inodes below {place}: needed {inodes}, free {status.f_favail}, "
            f"though {megabytes(free)} MB are free",
            now="nothing was changed",
            untouched=UNTOUCHED,
            next="remove many small files there",
        )


def megabytes(size: int) -> int:
    """Bytes as whole megabytes, rounded up."""
    return -(-size // (1 << 20))


def free_bytes(place: Path) -> int:
    """What an unprivileged process may still write there."""
    status = os.statvfs(place)
    return status.f_bavail * status.f_frsize


def refuse_unwritable(directory: Path, act: bool) -> None:
    """Raise Refused unless a file can be written, made durable, renamed and removed there.

    Without ``act`` (check mode) only the mount's flag and the rights are looked at.
    """
    place = existing(directory)
    if not act:
        if os.statvfs(place).f_flag & os.ST_RDONLY or not os.access(place, os.W_OK):
            raise unwritable(place, "it is read-only")
        return
    first = place / f".stagegate-probe-{os.getpid()}"
    second = first.with_suffix(".renamed")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(first, flags, 0o600)
        try:
            os.write(descriptor, b"probe\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        first.rename(second)
        fsync_dir(place)
        second.unlink()
    except OSError as error:
        with suppress(OSError):
            first.unlink()
        raise unwritable(place, error.strerror or str(error)) from error


def unwritable(place: Path, reason: str) -> Refused:
    """The words for a directory that takes no files."""
    return Refused(
        f"{place} cannot be written: {reason}",
        now="nothing was changed",
        untouched=UNTOUCHED,
        next="mount it for writing, or correct its rights",
    )
