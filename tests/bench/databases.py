"""Databases of a given size, made once and kept below .cache/bench."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.model import NotMeasuredError
from tests.bench.site import FILE, FILLED
from tests.bench.timing import last_line

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "bench"
ARCHIVE = ROOT / "dist" / "abathur-1.0.tar"
BUILD = ROOT / "examples" / "abathur" / "build.py"
FILL = ROOT / "examples" / "abathur" / "tools" / "fill.py"
ROOM = 6
"""How many times its size a measured database needs on the disk."""


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory on the same file system as the databases, removed at the end."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="scratch-") as place:
        yield Path(place)


def data_directory(megabytes: int) -> Path:
    """A data directory whose live database has so many megabytes; made when it is not there."""
    refuse_shortage(megabytes)
    with unpacked_release() as release:
        wanted = current_cache(release) / f"{megabytes}MB"
        if not wanted.exists():
            make_database(release, wanted, megabytes)
    return wanted


def make_database(release: Path, wanted: Path, megabytes: int) -> None:
    """Fill a new database and put it in its place when it is whole."""
    print(f"making a database of {megabytes} MB, which is kept for the next time", flush=True)
    partial = wanted.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    database = partial / FILLED / FILE
    fill = [sys.executable, str(FILL), "--release", str(release)]
    run_tool([*fill, "--path", str(database), "--size", f"{megabytes}MB"])
    (partial / "current").symlink_to(FILLED)
    partial.rename(wanted)


@contextmanager
def unpacked_release() -> Iterator[Path]:
    """The first release of the example, unpacked."""
    build_releases()
    with scratch() as place, tarfile.open(ARCHIVE) as archive:
        archive.extractall(place, filter="data")
        yield place


def build_releases() -> None:
    """Build the releases of the example when they are not there. Raises NotMeasuredError."""
    if not ARCHIVE.exists():
        run_tool([sys.executable, str(BUILD)])


def current_cache(release: Path) -> Path:
    """Where databases of this schema and these rows are kept; those of former ones are removed."""
    digest = hashlib.sha256(FILL.read_bytes())
    for path in sorted((release / "migrations").iterdir()):
        digest.update(path.read_bytes())
    place = CACHE / f"databases-{digest.hexdigest()[:12]}"
    for former in CACHE.glob("databases-*"):
        if former != place:
            shutil.rmtree(former)
    place.mkdir(exist_ok=True)
    return place


def refuse_shortage(megabytes: int) -> None:
    """Raise NotMeasuredError when the copies of a database would fill the disk."""
    CACHE.mkdir(parents=True, exist_ok=True)
    free, needed = shutil.disk_usage(CACHE).free, ROOM * megabytes * 10**6
    if free < needed:
        raise NotMeasuredError(f"it needs {needed >> 20} MB below {CACHE}, {free >> 20} are free")


def run_tool(argv: list[str]) -> None:
    """Run one of the example's tools. Raises NotMeasuredError with its last words."""
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise NotMeasuredError(f"{Path(argv[1]).name} failed: {last_line(done.stderr)}")
