"""Releases and knowledge bases for the tests of toon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from examples.toon.build import SYSTEM
from tests.unit.examples.conftest import Running, opened
from tests.unit.examples.toon.helpers import Base, run_tool, started


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Unpack a release; the same folder for the same version."""
    root = tmp_path_factory.mktemp("toon-releases")

    def unpack(version: str) -> Path:
        target = root / version
        if not target.exists():
            with opened(SYSTEM, version) as archive:
                archive.extractall(target, filter="data")
        return target

    return unpack


@pytest.fixture
def base(tmp_path: Path) -> Base:
    """An empty knowledge base."""
    home = tmp_path / "base"
    home.mkdir()
    return Base(home)


@pytest.fixture
def filled(base: Base) -> Base:
    """A knowledge base with facts of the three shapes."""
    done = run_tool("fill", "--facts", base.facts, "--count", 30)
    assert done.returncode == 0, done.stderr
    return base


@pytest.fixture
def service(unpacked: Callable[[str], Path], base: Base) -> Iterator[Running]:
    """Release 1.1 on an empty knowledge base."""
    with started(unpacked("1.1"), base) as running:
        yield running
