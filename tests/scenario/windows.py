"""Windows that outlive a deployment, with their times compressed."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stagegate.ledger import Entry
from tests.scenario.deployment import Outcome
from tests.scenario.stage import Stage

REPORTED_WITHIN = 300.0
SCALE = 0.01
GATES = ["query_p99", "error_rate"]
WINDOWS: list[dict[str, Any]] = [
    {"name": "half an hour", "from": "5m", "to": "30m", "every": "5m", "gates": GATES},
    {
        "name": "five hours",
        "from": "30m",
        "to": "5h",
        "every": "20m",
        "gates": GATES,
        "red_after": 2,
    },
]
"""A hundredth of their time: eighteen seconds, and three minutes."""


class Watched:
    """A deployment whose windows go on after its command has ended."""

    def __init__(self, stage: Stage, release: str) -> None:
        place = stage.scratch / "observer"
        told = {"windows": WINDOWS, "observe_window_scale": SCALE, "observe_place": str(place)}
        self.outcome: Outcome = stage.deploy(release, "-e", json.dumps(told))

    def record(self) -> dict[str, Any]:
        """The run's record, as whoever looked last has written it."""
        places = sorted(self.outcome.artifacts.glob(f"{self.outcome.run}/record.json"))
        record: dict[str, Any] = json.loads(places[-1].read_text(encoding="utf-8"))
        return record

    def reported(self, verdict: str) -> dict[str, Any]:
        """The record once whoever looks has written this verdict into it."""
        end = time.monotonic() + REPORTED_WITHIN
        while self.record()["verdict"] != verdict:
            assert time.monotonic() < end, f"no report says {verdict}: {self.record()['message']}"
            time.sleep(0.2)
        return self.record()

    def page(self) -> str:
        """The run's report."""
        return Path(self.outcome.artifacts, self.outcome.run, "report.html").read_text("utf-8")


def verdict_of(entries: Sequence[Entry], window: str) -> str:
    """What a window was judged to be; empty until it is."""
    ends = [e for e in entries if e.step == window and e.kind in ("done", "failed")]
    return str(ends[-1].evidence["verdict"]) if ends else ""


def looks_in(entries: Sequence[Entry], window: str) -> int:
    """How often a window was looked at."""
    return sum(entry.step == f"look:{window}" for entry in entries)
