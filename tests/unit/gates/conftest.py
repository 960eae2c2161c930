"""The service that gates are tried on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import settings

from tests.servers import postgresql, prometheus
from tests.servers.postgresql import Cluster
from tests.unit.gates.helpers import FakeService, a_service

# A busy machine may take long over one example; that says nothing about the code.
settings.register_profile("gates", deadline=None)
settings.load_profile("gates")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeService]:
    monkeypatch.setattr("stagegate.gates.sources.identity.DEADLINE", 0.3)
    with a_service() as running:
        yield running


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server with a role that asks with a password."""
    with postgresql.running() as running:
        running.sql("CREATE ROLE reader LOGIN PASSWORD 'a secret of the test'")
        running.sql("CREATE TABLE t (i int); INSERT INTO t VALUES (1), (2), (3)")
        running.sql("GRANT SELECT ON t TO reader")
        yield running


@dataclass(frozen=True)
class Watched:
    """A Prometheus server, and the service it scrapes."""

    server: prometheus.Server
    service: FakeService


NOW = time.time()
WITHOUT = 4
"""Days ago on which nothing was known."""


def history() -> str:
    """A figure at the same hour of seven days but one, and one that stopped 100 s ago."""
    lines = ["# TYPE app_pool gauge"]
    for days in range(7, 0, -1):
        for offset in range(-30, 300, 5) if days != WITHOUT else ():
            stamp = f"{NOW - days * 86400 + offset:.3f}"
            lines.append(f'app_pool{{version="1.0",instance="old"}} {10 + days} {stamp}')
    lines.append("# TYPE stopped_pool gauge")
    lines += [f"stopped_pool 3 {NOW - 160 + 5 * i:.3f}" for i in range(12)]
    return "\n".join([*lines, "# EOF"]) + "\n"


@pytest.fixture(scope="session")
def watched() -> Iterator[Watched]:
    """A Prometheus server that scrapes a service five times a second."""
    with a_service() as service:
        target = service.base.removeprefix("http://")
        with prometheus.running(target, history=history()) as server:
            server.await_series("app_pool")
            yield Watched(server, service)
