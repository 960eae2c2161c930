"""The state that most stories begin with: three hosts on which a first release is live."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.story.stage import Stage, everywhere
from tests.unit.sqlite.conftest import small_disk

__all__ = ["small_disk"]


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Three hosts after their first deployment; nobody deploys to these again."""
    stage = Stage(tmp_path_factory.mktemp("first"))
    assert stage.run("-e release_version=1.0") == 0, stage.said()
    assert stage.live() == everywhere("1.0")
    assert stage.locked() == []
    return stage


@pytest.fixture
def deployed(first: Stage, tmp_path: Path) -> Stage:
    """Three hosts with 1.0 live: the state that the first deployment left, copied."""
    home = tmp_path / "stage"
    shutil.copytree(first.home, home, ignore=shutil.ignore_patterns("runner"))
    return Stage(home)
