"""Build the releases of abathur: one tar each, the same to the byte wherever it is built.

A release is the source tree in `src/`, overlaid by the release that it is based on and then by its
own folder in `releases/`, with the locked dependencies unpacked beside it; these are downloaded
once, by their hashes, into .cache/wheels. The releases' digests are pinned in
systems/abathur/releases.yml: a build that gives another one is refused until `--pin` rewrites it.
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
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
NAME = "abathur"
LOCK = HERE / "requirements.lock"
WHEELS = PROJECT / ".cache" / "wheels"
PINS = PROJECT / "systems" / NAME / "releases.yml"
DIST = PROJECT / "dist"
CODE = (".py", ".sql", ".yml", "")
# What tools and editors leave in a source tree.
LEFTOVER = re.compile(r"(^|/)(\.|__pycache__/)")
# One set of wheels for every interpreter that may build or run a release.
TARGET = (
    "--implementation=cp",
    "--python-version=3.11",
    "--platform=manylinux_2_17_x86_64",
    "--platform=manylinux1_x86_64",
)


class BuildError(Exception):
    """The build cannot go on; the text says what to do."""


@dataclass(frozen=True)
class Member:
    """One file of a release."""

    data: bytes
    mode: int

    def entry(self) -> dict[str, Any]:
        """Return what the manifest says about the file."""
        digest = hashlib.sha256(self.data).hexdigest()
        return {"sha256": digest, "mode": f"{self.mode:04o}", "size": len(self.data)}


Tree = dict[str, Member]


def read_release(version: str) -> dict[str, Any]:
    """Read a release's description."""
    found: dict[str, Any] = yaml.safe_load(
        (HERE / "releases" / version / "release.yml").read_text(encoding="utf-8")
    )
    if found["version"] != version:
        raise BuildError(f"releases/{version}/release.yml names version {found['version']}")
    return found


def versions() -> list[str]:
    """Return every release there is."""
    return sorted(path.parent.name for path in (HERE / "releases").glob("*/release.yml"))


def read_tree(folder: Path) -> Tree:
    """Read the files below `folder`; what lies in bin/ can be executed."""
    tree = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and path.suffix in CODE and not LEFTOVER.search(name):
            tree[name] = Member(path.read_bytes(), 0o755 if name.startswith("bin/") else 0o644)
    return tree


def source_of(version: str) -> Tree:
    """Return the release's own files: the source tree under one overlay after the other."""
    base = read_release(version).get("based_on")
    tree = source_of(base) if base else read_tree(HERE / "src")
    return {**tree, **read_tree(HERE / "releases" / version)}


def locked_hashes() -> dict[str, set[str]]:
    """Return the accepted sha256 sums of each locked requirement."""
    hashes: dict[str, set[str]] = {}
    name = ""
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        if requirement := re.match(r"([a-z0-9-]+)==", line):
            name = requirement[1]
            hashes[name] = set()
        elif digest := re.search(r"--hash=sha256:([0-9a-f]{64})", line):
            hashes[name].add(digest[1])
    return hashes


def find_wheels() -> dict[str, Path]:
    """Return the cached wheel of each locked requirement that has one with the right hash."""
    cached = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in WHEELS.glob("*.whl")}
    return {
        name: cached[digest]
        for name, accepted in locked_hashes().items()
        for digest in accepted & cached.keys()
    }


def fetch_wheels() -> list[Path]:
    """Return the locked wheels, in order of their names; download what the cache does not have."""
    if locked_hashes().keys() - find_wheels().keys():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes"]
        options = ["--only-binary=:all:", "--no-deps", *TARGET, f"--dest={WHEELS}"]
        done = subprocess.run([*command, *options, f"--requirement={LOCK}"], check=False)
        missing = sorted(locked_hashes().keys() - find_wheels().keys())
        if done.returncode or missing:
            raise BuildError(f"pip could not download {', '.join(missing)}; see its message above")
    return [wheel for _, wheel in sorted(find_wheels().items())]


def libraries() -> Tree:
    """Return the unpacked wheels, below lib/."""
    tree: Tree = {}
    for wheel in fetch_wheels():
        with zipfile.ZipFile(wheel) as archive:
            for item in archive.infolist():
                if item.is_dir():
                    continue
                name = f"lib/{item.filename}"
                if ".data/" in name or name in tree:
                    raise BuildError(f"{wheel.name} cannot simply be unpacked: {item.filename}")
                tree[name] = Member(archive.read(item), 0o644)
    return tree


def write_manifest(release: Mapping[str, Any], tree: Tree) -> bytes:
    """Return the manifest: what the release is, and every other file's digest, mode and size."""
    manifest = {
        "name": NAME,
        "version": release["version"],
        "migration_class": release["migration_class"],
        "files": {name: member.entry() for name, member in sorted(tree.items())},
    }
    return (json.dumps(manifest, indent=1) + "\n").encode()


def pack(manifest: bytes, tree: Tree) -> bytes:
    """Return the tar: the manifest first, then the files in order; no clock, no user, no umask."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        files = [("manifest.json", Member(manifest, 0o644)), *sorted(tree.items())]
        for name, member in files:
            header = tarfile.TarInfo(name)
            header.size, header.mode = len(member.data), member.mode
            archive.addfile(header, io.BytesIO(member.data))
    return buffer.getvalue()


def build(version: str, shared: Tree) -> bytes:
    """Return the release's tar; `shared` are the libraries."""
    tree = {**shared, **source_of(version)}
    return pack(write_manifest(read_release(version), tree), tree)


def pin_of(version: str, archive: bytes) -> dict[str, Any]:
    """Return what an operator pins of a release."""
    release = read_release(version)
    pin = {
        "digest": f"sha256:{hashlib.sha256(archive).hexdigest()}",
        "migration_class": release["migration_class"],
    }
    if "expected_changes" in release:
        pin["expected_changes"] = release["expected_changes"]
    return pin


def compare(pins: Mapping[str, Any]) -> None:
    """Refuse pins that differ from those that are tracked."""
    tracked = {}
    if PINS.exists():
        tracked = yaml.safe_load(PINS.read_text(encoding="utf-8"))["releases"]
    changed = sorted(version for version in pins if pins[version] != tracked.get(version))
    gone = sorted(tracked.keys() - pins.keys())
    if changed or gone:
        raise BuildError(
            f"the build differs from {PINS.relative_to(PROJECT)} in {', '.join(changed + gone)}.\n"
            "Nothing was written. If that is intended: python examples/abathur/build.py --pin"
        )


class Indented(yaml.SafeDumper):
    """Writes lists the way yamllint wants them: indented below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent, also where YAML would not need it."""
        super().increase_indent(flow, False)


def write_pins(pins: Mapping[str, Any]) -> None:
    """Make the digests of this build the pinned ones."""
    heading = (
        "---\n# The releases that may be deployed, written by: examples/abathur/build.py --pin\n"
    )
    text = yaml.dump({"releases": dict(pins)}, Dumper=Indented, sort_keys=True, width=110)
    PINS.write_text(heading + text, encoding="utf-8")


def run(dist: Path, pin: bool) -> None:
    """Build every release into `dist`."""
    shared = libraries()
    archives = {version: build(version, shared) for version in versions()}
    pins = {version: pin_of(version, archive) for version, archive in archives.items()}
    if pin:
        write_pins(pins)
    else:
        compare(pins)
    dist.mkdir(parents=True, exist_ok=True)
    # What is built is not tracked, wherever it is put.
    (dist / ".gitignore").write_text("*\n", encoding="utf-8")
    for version, archive in archives.items():
        target = dist / f"{NAME}-{version}.tar"
        if not target.exists() or target.read_bytes() != archive:
            target.write_bytes(archive)
    print(f"{len(archives)} releases in {dist}")


def main() -> int:
    """Build from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Build the releases of abathur.")
    parser.add_argument("--pin", action="store_true", help="make this build's digests the pinned")
    parser.add_argument("--dist", type=Path, default=DIST, help="where the tars go")
    given = parser.parse_args()
    try:
        run(given.dist.resolve(), given.pin)
    except BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
