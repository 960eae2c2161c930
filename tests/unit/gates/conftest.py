"""The service that gates are tried on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.unit.gates.helpers import FakeService, a_service

# A busy machine may take long over one example; that says nothing about the code.
settings.register_profile("gates", deadline=None)
settings.load_profile("gates")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeService]:
    monkeypatch.setattr("stagegate.gates.sources.identity.DEADLINE", 0.3)
    with a_service() as running:
        yield running
