"""Archives, hosts and requests for the tests of the release drivers."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stagegate.journal import Run
from stagegate.lock import Lock
from stagegate.release.build import Label, SourceFile, write_archive
from stagegate.release.links import Root
from stagegate.release.request import Release, Request

FILES = {
    "bin/abathur-api": b"#!/usr/bin/python3\nprint('api')\n",
    "lib/abathur/__init__.py": b"",
    "migrations/0001.sql": b"create table sessions (id text primary key);\n",
}


def archive_bytes(version: str, files: dict[str, bytes] | None = None, **label: Any) -> bytes:
    """A good archive; programs below ``bin`` are executable."""
    content = FILES if files is None else files
    described = {"name": "abathur", "migration_class": "compatible", **label}
    sources = [
        SourceFile(path, path.startswith("bin/"), len(data), lambda data=data: io.BytesIO(data))
        for path, data in content.items()
    ]
    output = io.BytesIO()
    write_archive(output, Label(version=version, **described), sources)
    return output.getvalue()


def raw_tar(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """A tar of exactly these members, in this order."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return output.getvalue()


def member(name: str, mode: int = 0o644, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    """A member's header."""
    info = tarfile.TarInfo(name)
    info.mode, info.type = mode, kind
    return info


def manifest_value(files: dict[str, bytes] | None = None, version: str = "1.1") -> dict[str, Any]:
    """A good manifest as data, to be spoilt."""
    content = FILES if files is None else files
    return {
        "name": "abathur",
        "version": version,
        "migration_class": "compatible",
        "files": {
            path: {
                "sha256": hashlib.sha256(data).hexdigest(),
                "mode": "0755" if path.startswith("bin/") else "0644",
                "size": len(data),
            }
            for path, data in content.items()
        },
    }


def good_members(version: str = "1.1") -> list[tuple[tarfile.TarInfo, bytes]]:
    """The members of a good archive, to be spoilt."""
    manifest = json.dumps(manifest_value(version=version)).encode()
    files = [
        (member(path, 0o755 if path.startswith("bin/") else 0o644), data)
        for path, data in FILES.items()
    ]
    return [(member("manifest.json"), manifest), *files]


@dataclass(frozen=True)
class Host:
    """A host of its own below a temporary directory, held by one run."""

    place: Path
    run: Run

    @property
    def root(self) -> Root:
        """Its release root."""
        return Root(self.place / "srv")

    def request(self, version: str, data: bytes, **changes: Any) -> Request:
        """A request for a version whose archive has this content."""
        archive = self.place / f"{version}.tar"
        archive.write_bytes(data)
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        release = Release(version, digest, "compatible")
        return replace(Request(self.run, "", release, self.root, archive), **changes)

    def begin(self, run: str) -> Host:
        """The same host, held by another run."""
        lock = Lock(self.run.state)
        if lock.owner() is not None:
            lock.release()
        return Host(self.place, replace(self.run, id=run, epoch=lock.acquire(run, {})))

    def raise_guard(self) -> None:
        """Hold the services, as the service driver does."""
        self.run.guard.write_text("{}")


def make_host(place: Path) -> Host:
    """A host with an empty release root."""
    state = place / "state"
    (place / "srv" / "releases").mkdir(parents=True)
    for folder in (place / "srv", place / "srv" / "releases"):
        folder.chmod(0o755)
    state.mkdir()
    run = Run("run-1", 0, "abathur", "abathur1", state)
    return Host(place, replace(run, epoch=Lock(state).acquire(run.id, {})))


def tree(place: Path) -> list[str]:
    """Every name below a directory."""
    return sorted(str(p.relative_to(place)) for p in place.rglob("*"))
