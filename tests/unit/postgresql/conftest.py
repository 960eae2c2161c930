"""One server for all tests here; a database and a host's directory for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import postgresql
from tests.servers.postgresql import Cluster
from tests.unit.postgresql.helpers import OWNER, READER, ROWS, SCHEMA, Site

TEMPLATE = "filled"
QUICK = {
    "max_connections": "40",
    "max_prepared_transactions": "4",
    "autovacuum": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "jit": "off",
}
"""No test here waits for a disk, and none is long enough for a vacuum."""


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A server with the roles of the tests, and a filled database to copy."""
    with postgresql.running(**QUICK) as running:
        running.sql(f"CREATE ROLE {OWNER} LOGIN; CREATE ROLE {READER} LOGIN")
        running.sql(f"CREATE DATABASE {TEMPLATE} OWNER {OWNER}")
        running.sql(SCHEMA + ROWS.format(rows=100), TEMPLATE, OWNER)
        yield running


@pytest.fixture
def empty(cluster: Cluster, tmp_path: Path) -> Iterator[Site]:
    """A host on which the database does not exist yet."""
    site = Site(cluster, tmp_path / "state")
    yield site
    for name in site.databases():
        cluster.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def site(empty: Site) -> Site:
    """A host whose database is live: 100 users, 100 entries of history, and settings of its own."""
    empty.admin(f"CREATE DATABASE sparkle TEMPLATE {TEMPLATE} OWNER {OWNER}")
    empty.admin(
        "ALTER DATABASE sparkle SET search_path = public, pg_temp;"
        "ALTER DATABASE sparkle CONNECTION LIMIT 17;"
        f"GRANT CONNECT ON DATABASE sparkle TO {READER}"
    )
    return empty


@pytest.fixture
def archived(tmp_path: Path) -> Iterator[Site]:
    """A host whose server archives its WAL."""
    with postgresql.running(archive_mode="on", archive_command="/bin/true") as running:
        running.sql(f"CREATE ROLE {OWNER} LOGIN; CREATE ROLE {READER}")
        running.sql(f"CREATE DATABASE sparkle OWNER {OWNER}")
        yield Site(running, tmp_path / "state", options={"wal_archive": True})
