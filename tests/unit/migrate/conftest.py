"""One PostgreSQL server for all tests here, and a database of its own for each."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.servers import postgresql
from tests.servers.postgresql import Cluster
from tests.unit.migrate.alembic_site import Site

NUMBERS = count(1)


@pytest.fixture(scope="package")
def cluster() -> Iterator[Cluster]:
    """The server; its user who owns the data is this account, without any right of an admin."""
    with postgresql.running() as started:
        owner = pwd.getpwuid(os.geteuid()).pw_name
        if owner != started.admin:
            started.sql(f"CREATE ROLE {owner} LOGIN")
        yield started


@pytest.fixture
def site(cluster: Cluster, tmp_path: Path) -> Site:
    """An empty database."""
    made = Site(cluster, f"words_{next(NUMBERS)}", tmp_path)
    cluster.sql(f"CREATE DATABASE {made.database} OWNER {made.owner}")
    return made
