"""Release archives: read only what was pinned, accept only what the manifest lists."""

from __future__ import annotations

import contextlib
import os
import stat
import tarfile
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import IO, BinaryIO, Optional

from ..errors import BadInput, StepFailed
from ..files import CHUNK, StrPath, fsync_dir, sha256_handle
from . import manifest as manifests
from .manifest import FileEntry, Manifest, read_manifest

MAX_FILES = 50_000
MAX_BYTES = 4 << 30
MAX_TEXT = 8 << 20
"""Bytes of text that are read out of an archive at most: migrations, not data."""

Content = Optional[IO[bytes]]
PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE)
KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
}


@contextlib.contextmanager
def open_pinned(path: StrPath, digest: str) -> Iterator[BinaryIO]:
    """Open an archive whose content has the pinned digest (``sha256:<hex>``).

    What is hashed is the opened file that the caller then reads, not its name: replacing the name
    changes nothing. A file rewritten in place meanwhile is noticed on the way out.
    """
    if not digest:
        raise BadInput(f"{path}: no digest is pinned for this release (release.digest)")
    with open_regular(path) as handle:
        before = os.fstat(handle.fileno())
        found = f"sha256:{sha256_handle(handle)}"
        if found != digest:
            raise BadInput(
                f"{path}: artifact tampered or rebuilt: its digest is {found}, pinned is {digest}",
                now="nothing was unpacked",
                untouched="the live release, every service and all data",
                next="fetch the reviewed archive again, or review this one and pin its digest",
            )
        handle.seek(0)
        yield handle
        after = os.fstat(handle.fileno())
        if identity(before) != identity(after):
            raise BadInput(
                f"{path} was rewritten while it was read",
                now="what was unpacked from it has been thrown away",
                untouched="the live release, every service and all data",
                next="find out who writes there, then run the same command again",
            )


def identity(status: os.stat_result) -> tuple[int, ...]:
    """What changes when a file is written. (Its ctime would change with its name as well.)"""
    return status.st_ino, status.st_size, status.st_mtime_ns


def open_regular(path: StrPath) -> BinaryIO:
    """Open a regular file, following no link. Raises BadInput for anything else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise BadInput(
            f"the archive {path} cannot be opened: {error.strerror}",
            now="nothing was unpacked",
            untouched="the live release, every service and all data",
            next="build or fetch the archive, or correct release.source",
        ) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadInput(f"the archive {path} is not a regular file")
    return os.fdopen(descriptor, "rb")


def walk(handle: BinaryIO) -> Iterator[tuple[tarfile.TarInfo, Content]]:
    """The members of a plain tar, each with its content, after the checks that need no manifest."""
    seen: set[str] = set()
    total = 0
    with tarfile.open(fileobj=handle, mode="r:", errorlevel=2) as archive:
        for member in archive:
            check_member(member)
            total += member.size
            if member.name in seen:
                raise BadInput(f"the archive holds {member.name} twice")
            seen.add(member.name)
            if len(seen) > MAX_FILES or total > MAX_BYTES:
                raise BadInput(f"the archive is larger than {MAX_FILES} files or {MAX_BYTES} bytes")
            yield member, archive.extractfile(member) if member.type in PLAIN else None


@contextlib.contextmanager
def readable() -> Iterator[None]:
    """Turn what tarfile says of a damaged archive into BadInput."""
    try:
        yield
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise BadInput(f"the archive is not a whole, plain tar: {error}") from error


def check_member(member: tarfile.TarInfo) -> None:
    """Raise BadInput for a member that could reach outside, or is neither file nor directory."""
    manifests.check_path(member.name)
    if member.type not in (*PLAIN, tarfile.DIRTYPE) or member.issparse():
        raise BadInput(f"{member.name} is {KINDS.get(member.type, 'of an unknown kind')}")
    if member.size < 0:
        raise BadInput(f"{member.name} has a negative size")
    if member.mode & 0o7000:
        raise BadInput(f"{member.name} carries setuid, setgid or sticky ({member.mode:04o})")


def read_archive(handle: BinaryIO, target: Path | None = None) -> Manifest:
    """Check a whole archive against its own manifest and, with a target, unpack it there.

    The target must be an empty directory that only we can write to. Raises BadInput for the first
    member that the manifest does not list exactly; the caller removes what was unpacked.
    """
    found: set[str] = set()
    with readable():
        members = walk(handle)
        listed = first_member(members, target)
        for member, content in members:
            if content is None:
                check_directory(member.name, listed)
            else:
                check_file(member, content, listed, target)
                found.add(member.name)
    missing = sorted(set(listed.files) - found)
    if missing:
        raise BadInput(f"the archive lacks {len(missing)} listed files, first {missing[0]}")
    if target is not None:
        sync_directories(listed, target)
    return listed


def read_first(handle: BinaryIO) -> Manifest:
    """Only the manifest of an archive whose digest is already known to be right."""
    with readable():
        return first_member(walk(handle), None)


def read_texts(handle: BinaryIO, patterns: Sequence[str]) -> dict[str, str]:
    """The texts of an archive's files, by path, whose paths match one of the patterns.

    Only of an archive that read_archive has proved whole. Raises BadInput for more than a plan can
    carry, and for what is no text.
    """
    found: dict[str, str] = {}
    room = MAX_TEXT
    with readable():
        for member, content in walk(handle):
            if content is None or not any(fnmatchcase(member.name, p) for p in patterns):
                continue
            room -= member.size
            if room < 0:
                raise BadInput(f"the texts to read are larger than {MAX_TEXT} bytes")
            try:
                found[member.name] = content.read().decode()
            except UnicodeDecodeError as error:
                raise BadInput(f"{member.name} is not UTF-8 text: {error}") from error
    return found


def first_member(
    members: Iterator[tuple[tarfile.TarInfo, Content]], target: Path | None
) -> Manifest:
    """The manifest, which must come first so that nothing is unpacked that it does not list."""
    member, content = next(members, (None, None))
    if member is None or content is None or member.name != manifests.NAME:
        begins = "is empty" if member is None else f"begins with {member.name}"
        raise BadInput(f"the archive {begins}: its first member must be {manifests.NAME}")
    if member.size > manifests.LARGEST:
        raise BadInput(f"{manifests.NAME} is larger than {manifests.LARGEST} bytes")
    data = content.read()
    listed = read_manifest(data)
    if target is not None:
        with create(target / manifests.NAME, 0o444) as output:
            output.write(data)
            output.flush()
            os.fsync(output.fileno())
    return listed


def check_directory(name: str, listed: Manifest) -> None:
    """Raise BadInput for a directory that no listed file needs."""
    if name not in listed.directories:
        raise BadInput(f"the archive holds {name}/, which its manifest does not list")


def check_file(
    member: tarfile.TarInfo, content: IO[bytes], listed: Manifest, target: Path | None
) -> None:
    """Compare one file with its entry, writing it on the way when there is a target."""
    entry = listed.files.get(member.name)
    if entry is None:
        raise BadInput(f"the archive holds {member.name}, which its manifest does not list")
    if (member.mode, member.size) != (entry.mode, entry.size):
        raise BadInput(
            f"{member.name}: mode {member.mode:04o} and {member.size} bytes, "
            f"the manifest says {entry.mode:04o} and {entry.size}"
        )
    digest = sha256_handle(content) if target is None else unpack_file(content, entry, target)
    if digest != entry.sha256:
        raise BadInput(f"{member.name}: SHA-256 {digest}, the manifest says {entry.sha256}")


def unpack_file(content: IO[bytes], entry: FileEntry, target: Path) -> str:
    """Write one file, durable and read-only, and return the digest of what was written."""
    place = target / entry.path
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    digest = sha256()
    with create(place, entry.live_mode) as output:
        for chunk in iter(lambda: content.read(CHUNK), b""):
            digest.update(chunk)
            output.write(chunk)
        output.flush()
        os.fsync(output.fileno())
    return digest.hexdigest()


def create(place: Path, mode: int) -> BinaryIO:
    """A new file with exactly this mode. Raises StepFailed when anything stands there already."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(place, flags, 0o600)
    except FileExistsError as error:
        raise StepFailed(f"{place} already exists in a fresh staging directory") from error
    os.fchmod(descriptor, mode)
    return os.fdopen(descriptor, "wb")


def sync_directories(listed: Manifest, target: Path) -> None:
    """Make every name durable, and take the right to write from each directory."""
    for directory in sorted(listed.directories, key=len, reverse=True):
        (target / directory).chmod(0o555)
        fsync_dir(target / directory)
    target.chmod(0o555)
    fsync_dir(target)
