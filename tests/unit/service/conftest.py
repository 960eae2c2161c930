"""What services answer, without a network."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stagegate.service.health import Answer
from stagegate.service.model import Health

SILENT = Answer(fault="nothing listens there", reached=False)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[int, Callable[[], Answer]]:
    """By port: a function that gives the next answer. Silence where there is none."""
    given: dict[int, Callable[[], Answer]] = {}

    def ask(health: Health) -> Answer:
        return given.get(health.port, lambda: SILENT)()

    for module in ("hold", "start", "steady", "probe"):
        monkeypatch.setattr(f"stagegate.service.{module}.ask", ask)
    return given
