"""Which release this process runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

VERSION = "1.1"


@dataclass(frozen=True)
class Release:
    """A release's version, and the migrations that a database must have had for its code to run."""

    version: str
    migrations: tuple[str, ...]


def read_release(root: Path) -> Release:
    """Read the release that is unpacked in `root`."""
    files = (root / "migrations").glob("*.sql")
    names = sorted(file.stem for file in files if not file.name.endswith(".rollback.sql"))
    return Release(version=VERSION, migrations=tuple(names))
