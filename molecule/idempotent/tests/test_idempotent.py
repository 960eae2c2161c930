"""The live release again changes nothing, and neither does a look at what the next one would do."""

from __future__ import annotations

import re
import time
from typing import Any

from tests.scenario import Host, Stage

pytest_plugins = ["tests.scenario.fixtures"]

RESTS_WITHIN = 60.0
QUIET = ("-e", '{"windows": []}')


def test_the_same_release_again_changes_nothing(stage: Stage) -> None:
    before = stage.host.look()
    outcome = stage.deploy("1.0", *QUIET)
    after = stage.host.look()
    assert outcome.rc == 0, str(outcome)
    assert outcome.verdict == "no_op", str(outcome)
    assert re.findall(r"\bchanged=(\d+)", outcome.said) == ["0"], str(outcome)
    assert after["services"] == before["services"]
    assert (after["release"], after["data"]) == (before["release"], before["data"])
    stage.assert_invariants("1.0")


def at_rest(host: Host) -> dict[str, Any]:
    """What is true once the workers have ended what the smoke tests gave them."""
    end = time.monotonic() + RESTS_WITHIN
    seen, again = host.look(), host.look()
    while seen != again:
        assert time.monotonic() < end, f"{host.name} does not come to rest"
        seen, again = again, host.look()
    return seen


def test_a_look_at_the_next_release_changes_not_one_byte(stage: Stage) -> None:
    before = at_rest(stage.host)
    outcome = stage.deploy("1.1", "--check", "--diff", *QUIET)
    after = stage.host.look()
    assert outcome.rc == 0, str(outcome)
    assert after["tree"] == before["tree"]
    assert after == before
