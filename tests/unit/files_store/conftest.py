"""A host for each test, in memory where there is room, and small file systems to fill."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.files_store.helpers import make_host
from tests.unit.plain.host import Host
from tests.unit.sqlite.conftest import small_disk, tmp_path

__all__ = ["small_disk", "tmp_path"]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A tree that is live in a generation."""
    return make_host(tmp_path)
