"""alembic on a real server: to the recorded revision or told what is true, whatever dies."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import BadInput, Refused, StepFailed
from tests.unit.migrate.alembic_site import FIRST, INDEX, NO_INDEX, SECOND, Site, line, release


def test_pending_migrations_are_applied_and_recorded(site: Site) -> None:
    place = release(site.place / "1.1", line(FIRST, SECOND))
    state = site.apply(place)
    assert site.revision() == "r2"
    assert site.has("words_word")
    assert (state["before"], state["target"]) == ("", "r2")
    assert state["applied"] == ["r1", "r2"]
    assert set(state["files"]) == {"r1", "r2"}
    assert site.last().state == state
    assert "Running upgrade r1 -> r2" in site.last().evidence["said"]
    assert site.sessions() == 0
