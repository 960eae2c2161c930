"""A window in which nothing could be measured is unknown, and is told; it never passes."""

from __future__ import annotations

import time
from datetime import datetime

from tests.scenario import Stage
from tests.scenario.windows import Watched, looks_in, verdict_of

pytest_plugins = ["tests.scenario.fixtures"]


def test_a_window_in_which_the_host_was_gone_is_unknown_and_not_green(stage: Stage) -> None:
    host = stage.host
    watched = Watched(stage, "2.7-tires")
    assert watched.outcome.verdict == "deployed", str(watched.outcome)
    host.wait_until(lambda entries: looks_in(entries, "five_hours") >= 1)
    host.machine.cut()
    ends = watched.record()["hosts"][host.name]["windows"][-1]["to"]
    while time.time() < datetime.fromisoformat(ends.replace("Z", "+00:00")).timestamp():
        time.sleep(1)  # what is awaited is the window's end, and nothing else
    host.machine.heal()
    host.wait_until(lambda entries: bool(verdict_of(entries, "five_hours")))
    assert verdict_of(host.ledger(), "five_hours") == "unknown"
    told = host.ledger()[-1].evidence
    assert told["gaps"]
    assert "of it was seen, 90% must be" in told["reason"]
    outcome = stage.play("playbooks/report.yml")
    assert outcome.record["exit"] == 22, str(outcome)
    assert "the window five hours is unknown" in outcome.what
    assert "rollback.yml" in outcome.record["message"]["next"]
    stage.assert_invariants("2.7-tires")
