"""The live link of a release root: ``current -> releases/<version>``."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from ..errors import Refused
from ..files import fsync_dir
from .manifest import VERSION

FOLDER = "releases"
UNTOUCHED = "the release root, every service and all data"


@dataclass(frozen=True)
class Root:
    """Where one system's releases live on a host."""

    path: Path

    @property
    def releases(self) -> Path:
        """One directory for each version."""
        return self.path / FOLDER

    @property
    def link(self) -> Path:
        """Points at the live version."""
        return self.path / "current"

    def release(self, version: str) -> Path:
        """The directory of a version."""
        return self.releases / version

    def target(self, version: str) -> str:
        """What the live link holds for a version: relative, so that the root can be moved."""
        return f"{FOLDER}/{version}"


def read_target(root: Root) -> str | None:
    """What the live link holds, whether or not it leads anywhere; None when there is no link.

    Raises Refused when something else stands under its name.
    """
    try:
        status = root.link.lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISLNK(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "a file"
        raise refuse_link(root, f"is {kind}, not a link", "move it aside")
    return str(root.link.readlink())


def read_live(root: Root) -> str:
    """The version that the live link names, or "" when there is no link.

    Raises Refused for a link that dangles, or that leaves ``releases/``.
    """
    target = read_target(root)
    if target is None:
        return ""
    version = target_version(target)
    if not version:
        raise refuse_link(root, f"points at {target!r}, not at {FOLDER}/<version>", "correct it")
    if not root.release(version).is_dir() or root.release(version).is_symlink():
        raise refuse_link(root, f"points at {target}, which is not there", "correct it")
    return version


def target_version(target: str) -> str:
    """The version in a link's target, or "" when it is not one of ours."""
    folder, _, version = target.rstrip("/").partition("/")
    return version if folder == FOLDER and VERSION.fullmatch(version) else ""


def refuse_link(root: Root, wrong: str, remedy: str) -> Refused:
    """The words for a live link that nobody of us made."""
    return Refused(
        f"{root.link} {wrong}",
        now="it cannot be switched, and what runs from it is not known",
        untouched=UNTOUCHED,
        next=f"look at `ls -la {root.path}`, {remedy}, then run the same command again",
    )


def remove_link(root: Root) -> None:
    """Take the live link away, durable; a missing one is fine."""
    root.link.unlink(missing_ok=True)
    fsync_dir(root.path)
