"""Unpacked releases: compare a directory with its manifest, and take one away."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from ..errors import BadInput
from ..files import sha256_file
from . import manifest as manifests
from .manifest import FileEntry, Manifest, read_manifest

SHOWN = 10
"""Differences named in a message; the rest is counted."""


def read_tree_manifest(root: Path) -> Manifest:
    """The manifest that a release directory carries. Raises BadInput when it has none."""
    place = root / manifests.NAME
    try:
        return read_manifest(place.read_bytes())
    except OSError as error:
        raise BadInput(f"{place} cannot be read: {error.strerror}") from error


def differences(root: Path, listed: Manifest) -> list[str]:
    """Everything in which a directory differs from its manifest, in words; empty when nothing.

    Missing and added names, other kinds, content, modes, owners: whatever would make the code
    that runs another code than the one that was reviewed.
    """
    found = dict(walk(root))
    expected = {**dict.fromkeys(listed.directories), **listed.files}
    said = [f"{path} is missing" for path in expected if path not in found]
    for path, status in found.items():
        if path == manifests.NAME:
            continue
        if path not in expected:
            said.append(f"{path} was added")
        else:
            said.extend(compare(root / path, path, status, expected[path]))
    return sorted(said)


def walk(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Every name below a directory with its status, following no link."""
    pending = [root]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                yield os.path.relpath(entry.path, root), status
                if stat.S_ISDIR(status.st_mode):
                    pending.append(Path(entry.path))


def compare(place: Path, path: str, status: os.stat_result, entry: FileEntry | None) -> list[str]:
    """In what one name differs from its entry (None: a directory)."""
    wanted = stat.S_IFDIR if entry is None else stat.S_IFREG
    if stat.S_IFMT(status.st_mode) != wanted:
        return [f"{path} is another kind of file"]
    said = []
    if status.st_uid not in (0, os.geteuid()):
        said.append(f"{path} belongs to user {status.st_uid}")
    mode = stat.S_IMODE(status.st_mode)
    if mode != (0o555 if entry is None else entry.live_mode):
        said.append(f"{path} has mode {mode:04o}")
    if entry is not None and (status.st_size != entry.size or sha256_file(place) != entry.sha256):
        said.append(f"{path} has other content")
    return said


def verify_tree(root: Path, manifest_sha256: str = "") -> tuple[Manifest, list[str]]:
    """A release directory's manifest, and in what it differs from it or from the recorded digest.

    The digest comes from the ledger: without it an edited file with an edited manifest is not seen.
    """
    listed = read_tree_manifest(root)
    said = differences(root, listed)
    if manifest_sha256 and listed.sha256 != manifest_sha256:
        said.insert(0, f"{manifests.NAME} is not the one that was staged")
    if listed.version != root.name:
        said.insert(0, f"{manifests.NAME} is of version {listed.version}")
    return listed, said


def shorten(said: list[str]) -> str:
    """The first differences as one phrase."""
    more = len(said) - SHOWN
    return "; ".join(said[:SHOWN]) + (f"; and {more} more" if more > 0 else "")


def remove_tree(root: Path) -> None:
    """Take a directory away, though its directories may not be written to. Follows no link."""
    with contextlib.suppress(FileNotFoundError):
        make_removable(root)
        shutil.rmtree(root)


def make_removable(root: Path) -> None:
    """Give the owner back the right to write into each directory of a tree."""
    root.chmod(0o755)
    for path, status in walk(root):
        if stat.S_ISDIR(status.st_mode):
            (root / path).chmod(0o755)
