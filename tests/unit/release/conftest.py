"""One host for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stagegate.release.tree import remove_tree
from tests.unit.release.helpers import Host, make_host


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A host held by run-1; its read-only releases are removed afterwards."""
    made = make_host(tmp_path)
    yield made
    remove_tree(made.root.path)
