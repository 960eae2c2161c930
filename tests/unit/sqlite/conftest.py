"""A host for each test, and small file systems to fill."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.sqlite.helpers import Site, make_site

MEMORY = Path("/dev/shm")
ROOM = 2 << 30


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is room: syncing to a disk takes most of the time here.

    What a power cut leaves is tested on images, whose content is what was synced wherever they lie.
    """
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="stagegate-") as made:
        yield Path(made)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A store in WAL mode, live in a generation, with 200 entries."""
    return make_site(tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a tmpfs with the given options; only root may."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small file system needs root")
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        place = tmp_path / f"disk{len(mounted)}"
        place.mkdir()
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)],
            capture_output=True,
            text=True,
        )
        if made.returncode:
            pytest.skip(f"this machine mounts nothing: {made.stderr.strip()}")
        mounted.append(place)
        return place

    yield mount
    for place in reversed(mounted):
        subprocess.run(["umount", "--lazy", str(place)], check=True)
