"""Build the releases of an example system: one tar each, the same to the byte wherever it is built.

A release is the system's source tree in `src/`, overlaid by the release that it is based on and
then by its own folder in `releases/`, with the locked dependencies unpacked beside it: those of
`requirements.lock` in `lib/`, unless the release or its base says in `libraries` which lock file
fills which folder. Wheels are downloaded once, by their hashes, into .cache/wheels. The releases'
digests are pinned in systems/<name>/releases.yml: a build that gives another one is refused until
`--pin` rewrites it.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import yaml

PROJECT = Path(__file__).resolve().parent.parent
WHEELS = PROJECT / ".cache" / "wheels"
DIST = PROJECT / "dist"
SOURCES = (".py", ".sql", ".yml", ".md", "")
# What tools and editors leave in a source tree.
LEFTOVER = re.compile(r"(^|/)(\.|__pycache__/)")
# One set of wheels for every machine that may build or run a release; pip needs each name of a
# platform, for it does not derive the older ones.
TARGET = (
    "--implementation=cp",
    "--python-version=3.11",
    "--platform=manylinux_2_28_x86_64",
    "--platform=manylinux_2_17_x86_64",
    "--platform=manylinux2014_x86_64",
    "--platform=manylinux1_x86_64",
)


class BuildError(Exception):
    """The build cannot go on; the text says what to do."""


@dataclass(frozen=True)
class Member:
    """One file of a release."""

    data: bytes
    mode: int

    @cached_property
    def entry(self) -> dict[str, Any]:
        """What the manifest says about the file; the libraries are in every release."""
        digest = hashlib.sha256(self.data).hexdigest()
        return {"sha256": digest, "mode": f"{self.mode:04o}", "size": len(self.data)}


Tree = dict[str, Member]


class Digest(io.RawIOBase):
    """A file of which only the digest is kept."""

    def __init__(self) -> None:
        super().__init__()
        self._sum = hashlib.sha256()
        self._size = 0

    def write(self, data: Any) -> int:
        """Take the next bytes."""
        self._sum.update(data)
        self._size += len(data)
        return len(data)

    def tell(self) -> int:
        """Return how many bytes there were."""
        return self._size

    def __str__(self) -> str:
        return f"sha256:{self._sum.hexdigest()}"


def read_tree(folder: Path) -> Tree:
    """Read the files below `folder`; what lies in bin/ can be executed."""
    tree = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and path.suffix in SOURCES and not LEFTOVER.search(name):
            tree[name] = Member(path.read_bytes(), 0o755 if name.startswith("bin/") else 0o644)
    return tree


def pack(manifest: bytes, tree: Tree, target: BinaryIO) -> None:
    """Write the tar: the manifest first, then the files in order; no clock, no user, no umask."""
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, member in [("manifest.json", Member(manifest, 0o644)), *sorted(tree.items())]:
            header = tarfile.TarInfo(name)
            header.size, header.mode = len(member.data), member.mode
            archive.addfile(header, io.BytesIO(member.data))


class Indented(yaml.SafeDumper):
    """Writes lists the way yamllint wants them: indented below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent, also where YAML would not need it."""
        super().increase_indent(flow, False)


class Lock:
    """A file of locked requirements, and the wheels that it names."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def hashes(self) -> dict[str, set[str]]:
        """Return the accepted sha256 sums of each locked requirement."""
        hashes: dict[str, set[str]] = {}
        name = ""
        for line in self.path.read_text(encoding="utf-8").splitlines():
            if requirement := re.match(r"([a-z0-9-]+)(\[[a-z0-9,-]+\])?==", line):
                name = requirement[1]
                hashes[name] = set()
            elif digest := re.search(r"--hash=sha256:([0-9a-f]{64})", line):
                hashes[name].add(digest[1])
        return hashes

    def find_wheels(self) -> dict[str, Path]:
        """Return the cached wheel of each locked requirement that has one with the right hash."""
        cached = {
            hashlib.sha256(path.read_bytes()).hexdigest(): path for path in WHEELS.glob("*.whl")
        }
        return {
            name: cached[digest]
            for name, accepted in self.hashes().items()
            for digest in accepted & cached.keys()
        }

    def fetch_wheels(self) -> list[Path]:
        """Return the locked wheels, in order of names; download what the cache does not have."""
        wheels = self.find_wheels()
        if self.hashes().keys() - wheels.keys():
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes"]
            options = ["--only-binary=:all:", "--no-deps", *TARGET, f"--dest={WHEELS}"]
            done = subprocess.run([*command, *options, f"--requirement={self.path}"], check=False)
            wheels = self.find_wheels()
            missing = sorted(self.hashes().keys() - wheels.keys())
            if done.returncode or missing:
                raise BuildError(
                    f"pip could not download {', '.join(missing)}; see its message above"
                )
        return [wheel for _, wheel in sorted(wheels.items())]

    @cached_property
    def unpacked(self) -> Tree:
        """The wheels' files; the same objects each time, since most releases share them."""
        tree: Tree = {}
        for wheel in self.fetch_wheels():
            with zipfile.ZipFile(wheel) as archive:
                for item in archive.infolist():
                    if item.is_dir():
                        continue
                    name = item.filename
                    if ".data/" in name or name in tree:
                        raise BuildError(f"{wheel.name} cannot simply be unpacked: {name}")
                    tree[name] = Member(archive.read(item), 0o644)
        return tree


class System:
    """The system whose sources lie in `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.name = home.name
        self.pins = PROJECT / "systems" / self.name / "releases.yml"
        self.script = f"examples/{self.name}/build.py"
        self._locks: dict[str, Lock] = {}

    def read_release(self, version: str) -> dict[str, Any]:
        """Read a release's description."""
        file = self.home / "releases" / version / "release.yml"
        found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
        if found["version"] != version:
            raise BuildError(f"releases/{version}/release.yml names version {found['version']}")
        return found

    def versions(self) -> list[str]:
        """Return every release there is."""
        return sorted(path.parent.name for path in (self.home / "releases").glob("*/release.yml"))

    def source_of(self, version: str) -> Tree:
        """Return the release's own files: the source tree under one overlay after the other."""
        base = self.read_release(version).get("based_on")
        tree = self.source_of(base) if base else read_tree(self.home / "src")
        return {**tree, **read_tree(self.home / "releases" / version)}

    def lock(self, name: str = "requirements.lock") -> Lock:
        """Return one of the system's files of locked requirements."""
        return self._locks.setdefault(name, Lock(self.home / name))

    def libraries(self, version: str) -> Tree:
        """Return the release's unpacked wheels, in the folders that it keeps them in."""
        return {
            f"{folder}/{name}": member
            for folder, lock in self.locks_of(version).items()
            for name, member in self.lock(lock).unpacked.items()
        }

    def locks_of(self, version: str) -> dict[str, str]:
        """Return which lock file fills which folder: as the release says, or else its base."""
        release = self.read_release(version)
        if "libraries" in release:
            return dict(release["libraries"])
        base = release.get("based_on")
        return self.locks_of(base) if base else {"lib": "requirements.lock"}

    def manifest(self, version: str, tree: Tree) -> bytes:
        """Return what the release is, and every other file's digest, mode and size."""
        manifest = {
            "name": self.name,
            "version": version,
            "migration_class": self.read_release(version)["migration_class"],
            "files": {name: member.entry for name, member in sorted(tree.items())},
        }
        return (json.dumps(manifest, indent=1) + "\n").encode()

    def write(self, version: str, target: BinaryIO) -> None:
        """Write the release's tar."""
        tree = {**self.libraries(version), **self.source_of(version)}
        pack(self.manifest(version, tree), tree, target)

    def pin_of(self, version: str) -> dict[str, Any]:
        """Return what an operator pins of a release."""
        release, digest = self.read_release(version), Digest()
        self.write(version, digest)  # type: ignore[arg-type] # all that a tar needs of it
        pin = {"digest": str(digest), "migration_class": release["migration_class"]}
        if "expected_changes" in release:
            pin["expected_changes"] = release["expected_changes"]
        return pin

    def compare(self, pins: Mapping[str, Any]) -> None:
        """Refuse pins that differ from those that are tracked."""
        tracked = {}
        if self.pins.exists():
            tracked = yaml.safe_load(self.pins.read_text(encoding="utf-8"))["releases"]
        changed = sorted(version for version in pins if pins[version] != tracked.get(version))
        gone = sorted(tracked.keys() - pins.keys())
        if changed or gone:
            raise BuildError(
                f"the build differs from {self.pins.relative_to(PROJECT)} in "
                f"{', '.join(changed + gone)}.\n"
                f"Nothing was written. If that is intended: python {self.script} --pin"
            )

    def write_pins(self, pins: Mapping[str, Any]) -> None:
        """Make the digests of this build the pinned ones."""
        heading = f"---\n# The releases that may be deployed, written by: {self.script} --pin\n"
        text = yaml.dump({"releases": dict(pins)}, Dumper=Indented, sort_keys=True, width=110)
        self.pins.parent.mkdir(exist_ok=True)
        self.pins.write_text(heading + text, encoding="utf-8")


def digest_of(path: Path) -> str:
    """Return the digest of a file, as a pin has it; empty when there is no such file."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def run(system: System, dist: Path, pin: bool) -> None:
    """Build every release into `dist`; what is there already is not written again."""
    pins = {version: system.pin_of(version) for version in system.versions()}
    if pin:
        system.write_pins(pins)
    else:
        system.compare(pins)
    dist.mkdir(parents=True, exist_ok=True)
    # What is built is not tracked, wherever it is put.
    (dist / ".gitignore").write_text("*\n", encoding="utf-8")
    for version, pinned in pins.items():
        target = dist / f"{system.name}-{version}.tar"
        if digest_of(target) != pinned["digest"]:
            with target.open("wb") as file:
                system.write(version, file)
    print(f"{len(pins)} releases in {dist}")


def main(system: System) -> int:
    """Build from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=f"Build the releases of {system.name}.")
    parser.add_argument("--pin", action="store_true", help="make this build's digests the pinned")
    parser.add_argument("--dist", type=Path, default=DIST, help="where the tars go")
    given = parser.parse_args()
    try:
        run(system, given.dist.resolve(), given.pin)
    except BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    return 0
