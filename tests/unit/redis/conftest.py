"""A host for each test: a Redis with data, and a state directory that its account may pass."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers import redis
from tests.unit.redis.helpers import Site, fill

MEMORY = Path("/dev/shm")


@pytest.fixture
def state() -> Iterator[Path]:
    """A directory that other accounts may pass through, as below /var/lib; in memory where it can.

    Syncing to a disk takes most of the time here.
    """
    place = Path(tempfile.mkdtemp(prefix="stagegate-", dir=MEMORY if MEMORY.is_dir() else None))
    place.chmod(0o711)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def make_site(state: Path) -> Iterator[Callable[..., Site]]:
    """Starts a server with settings and fills it."""
    with ExitStack() as open_servers:

        def make(keys: int = 200, **settings: str) -> Site:
            site = Site(state, open_servers.enter_context(redis.running(**settings)))
            with site.client() as client:
                fill(client, keys)
            return site

        yield make


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """A server that keeps snapshots and nothing else."""
    return make_site()


@pytest.fixture
def appending(make_site: Callable[..., Site]) -> Site:
    """A server that appends, as row 72 of the faults wants it."""
    return make_site(appendonly="yes", aof_load_truncated="no")
