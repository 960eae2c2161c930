"""What a release driver was asked, and what the ledger remembers of a release."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..journal import Run
from ..ledger import Entry
from .links import Root
from .manifest import CLASSES, check_version

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Release:
    """The release that the operator pinned; without a digest nothing can be read or staged."""

    version: str
    digest: str
    migration_class: str


@dataclass(frozen=True)
class Request:
    """One call of a release driver."""

    run: Run
    phase: str
    release: Release
    root: Root
    archive: Path
    service_user: str = ""
    need_bytes: int = 0
    need_files: int = 0
    migrations: str = "migrations"
    texts: tuple[str, ...] = ()


def read_release(value: dict[str, Any]) -> Release:
    """The noun ``release``. Raises BadInput naming the key that is wrong."""
    version = str(value.get("version", ""))
    check_version(version)
    digest = str(value.get("digest", ""))
    if digest and not DIGEST.fullmatch(digest):
        raise BadInput(f"release.digest must be sha256:<64 hexadecimal digits>, it is {digest!r}")
    migration_class = str(value.get("migration_class", "compatible"))
    if migration_class not in CLASSES:
        raise BadInput(f"release.migration_class must be one of {CLASSES}: {migration_class!r}")
    return Release(version, digest, migration_class)


def read_request(params: dict[str, Any]) -> Request:
    """A module's parameters as a request."""
    root = Path(str(params["release_root"]))
    if not root.is_absolute() or ".." in root.parts:
        raise BadInput(f"release_root must be an absolute path without '..': {root}")
    return Request(
        run=Run.from_params(params["run"]),
        phase=str(params.get("phase") or ""),
        release=read_release(params["release"]),
        root=Root(root),
        archive=Path(str(params.get("archive") or "")),
        service_user=str(params.get("service_user") or ""),
        need_bytes=int(params.get("need_bytes") or 0),
        need_files=int(params.get("need_files") or 0),
        migrations=str(params.get("migrations") or "migrations"),
        texts=tuple(str(pattern) for pattern in params.get("texts") or ()),
    )


def recorded_manifest(entries: Iterable[Entry], root: Root, version: str) -> str:
    """The digest of the manifest that was staged last as this version, or "" when none was."""
    place = str(root.release(version))
    found = ""
    for entry in entries:
        if (entry.step, entry.kind) == ("stage", "done") and entry.state.get("path") == place:
            found = str(entry.state.get("manifest", ""))
    return found
