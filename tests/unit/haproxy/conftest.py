"""A door for each test: HAProxy before three servers, with a ledger."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.haproxy import running
from tests.unit.haproxy.helpers import Site


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory whose name leaves room for a socket: the kernel takes 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="door-") as made:
        yield Path(made)


@pytest.fixture
def site(short_path: Path) -> Iterator[Site]:
    """Three servers, all up; a reload forgets what the socket was told."""
    with running(short_path) as proxy:
        yield Site(short_path, proxy)


@pytest.fixture
def keeping(short_path: Path) -> Iterator[Site]:
    """Three servers, all up; a reload loads the states from a file."""
    with running(short_path, keeps_state=True) as proxy:
        yield Site(short_path, proxy)
