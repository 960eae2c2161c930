"""Build a release archive: the same files give the same bytes, on any machine."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import IO, BinaryIO

from ..files import sha256_handle
from .manifest import NAME, check_path, check_version


@dataclass(frozen=True)
class SourceFile:
    """A file that goes into a release; ``open`` gives its content, as often as asked."""

    path: str
    executable: bool
    size: int
    open: Callable[[], IO[bytes]]

    @property
    def mode(self) -> int:
        """Readable by the service user, whatever the umask of whoever built it."""
        return 0o755 if self.executable else 0o644


@dataclass(frozen=True)
class Label:
    """What a release is called, and how it may be gone back from."""

    name: str
    version: str
    migration_class: str


def write_archive(output: BinaryIO, label: Label, files: Sequence[SourceFile]) -> None:
    """Write a plain tar: the manifest first, then the files by name, without times or owners."""
    check_version(label.version)
    ordered = sorted(files, key=lambda file: file.path)
    manifest = build_manifest(label, ordered)
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(member(NAME, 0o644, len(manifest)), BytesIO(manifest))
        for file in ordered:
            with file.open() as content:
                archive.addfile(member(file.path, file.mode, file.size), content)


def build_manifest(label: Label, files: Sequence[SourceFile]) -> bytes:
    """The manifest's bytes. Raises BadInput for a path that no release may have."""
    listed = {}
    for file in files:
        check_path(file.path)
        with file.open() as content:
            digest = sha256_handle(content)
        listed[file.path] = {"sha256": digest, "mode": f"{file.mode:04o}", "size": file.size}
    value = {
        "name": label.name,
        "version": label.version,
        "migration_class": label.migration_class,
        "files": listed,
    }
    return json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"


def member(name: str, mode: int, size: int) -> tarfile.TarInfo:
    """A member that says nothing of the machine it was made on."""
    info = tarfile.TarInfo(name)
    info.mode, info.size, info.mtime = mode, size, 0
    return info
