"""What a release says it contains: ``manifest.json``, the first member of its archive.

::

    {"name": "abathur", "version": "1.1", "migration_class": "compatible",
     "files": {"bin/abathur-api": {"sha256": "...", "mode": "0755", "size": 1184}, ...}}
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any

from ..errors import BadInput

NAME = "manifest.json"
LARGEST = 8 << 20
"""Bytes of a manifest that are read at most: enough for 50,000 files."""

CLASSES = ("compatible", "reversible", "one_way")
MODES = (0o444, 0o555, 0o644, 0o755)
"""What the service user must be able to read and nobody gains rights by."""

VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
HEX = re.compile(r"[0-9a-f]{64}")
HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")


@dataclass(frozen=True)
class FileEntry:
    """One file of a release; ``size`` in bytes, ``mode`` as the archive carries it."""

    path: str
    sha256: str
    mode: int
    size: int

    @property
    def live_mode(self) -> int:
        """The mode on a host: nobody may write."""
        return self.mode & ~0o222


@dataclass(frozen=True)
class Manifest:
    """A release's account of itself; ``sha256`` is the digest of the manifest's own bytes."""

    name: str
    version: str
    migration_class: str
    files: Mapping[str, FileEntry]
    sha256: str

    @property
    def bytes(self) -> int:
        """The size of all files together."""
        return sum(entry.size for entry in self.files.values())

    def below(self, folder: str) -> dict[str, str]:
        """The digest of each file below a folder, by path."""
        inside = f"{folder.strip('/')}/"
        return {p: entry.sha256 for p, entry in self.files.items() if p.startswith(inside)}

    @property
    def directories(self) -> frozenset[str]:
        """Every directory that some file needs, without the root."""
        return frozenset(
            str(parent)
            for path in self.files
            for parent in PurePosixPath(path).parents
            if str(parent) != "."
        )


def read_manifest(data: bytes) -> Manifest:
    """The manifest in these bytes. Raises BadInput naming the first thing wrong with it."""
    try:
        value = json.loads(data, object_pairs_hook=unique_keys, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{NAME} is not readable JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadInput(f"{NAME} is not an object")
    files = read_files(value.get("files"))
    name, version = str(value.get("name", "")), str(value.get("version", ""))
    check_version(version)
    migration_class = str(value.get("migration_class", ""))
    if migration_class not in CLASSES:
        raise BadInput(f"{NAME}: migration_class {migration_class!r} is none of {CLASSES}")
    return Manifest(name, version, migration_class, files, sha256(data).hexdigest())


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, refused when a key stands twice: readers disagree on which one counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def refuse_constant(text: str) -> object:
    """Refuse NaN and Infinity, which are not JSON."""
    raise ValueError(f"{text} is not a number")


def read_files(value: object) -> dict[str, FileEntry]:
    """The listed files by path, none inside another."""
    if not isinstance(value, dict) or not value:
        raise BadInput(f"{NAME} lists no files")
    files = {path: read_file(path, item) for path, item in value.items()}
    for path in files:
        for parent in PurePosixPath(path).parents:
            if str(parent) in files:
                raise BadInput(f"{NAME}: {parent} is both a file and the directory of {path}")
    return files


def read_file(path: str, item: object) -> FileEntry:
    """One listed file, with a path that cannot leave the release."""
    check_path(path)
    if path == NAME:
        raise BadInput(f"{NAME} lists itself")
    if not isinstance(item, dict):
        raise BadInput(f"{NAME}: {path} is not described by an object")
    digest, mode, size = (item.get(key) for key in ("sha256", "mode", "size"))
    if not isinstance(digest, str) or not HEX.fullmatch(digest):
        raise BadInput(f"{NAME}: {path} has no SHA-256")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise BadInput(f"{NAME}: {path} has no size")
    return FileEntry(path, digest, read_mode(path, mode), size)


def read_mode(path: str, mode: object) -> int:
    """A mode written in octal, one of the four that a release may have."""
    if not isinstance(mode, str) or not re.fullmatch(r"[0-7]{3,4}", mode):
        raise BadInput(f"{NAME}: {path} has no octal mode: {mode!r}")
    if int(mode, 8) not in MODES:
        allowed = ", ".join(f"{known:04o}" for known in MODES)
        raise BadInput(f"{NAME}: {path} has mode {mode}, allowed are {allowed}")
    return int(mode, 8)


def check_version(version: str) -> None:
    """Raise BadInput unless the version can safely be a directory's name."""
    if not VERSION.fullmatch(version):
        raise BadInput(
            f"{version!r} is no version: letters, digits, '.', '_', '-', at most 64, "
            "the first a letter or digit"
        )


def check_path(path: str) -> None:
    """Raise BadInput unless a path is relative, normal and stays where it is unpacked."""
    parts = path.split("/")
    if not path or path.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise BadInput(f"the path {path!r} leaves the release or is not normal")
    if HIDDEN.search(path) or len(path.encode("utf-8", "surrogateescape")) > 512:
        raise BadInput(f"the path {path!r} holds control characters or is too long")
    if any(len(part.encode("utf-8", "surrogateescape")) > 255 for part in parts):
        raise BadInput(f"the path {path!r} has a name longer than 255 bytes")
