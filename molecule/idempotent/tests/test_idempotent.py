"""The live release again changes nothing, and neither does a look at what the next one would do."""

from __future__ import annotations

import re

from tests.scenario import Stage

pytest_plugins = ["tests.scenario.fixtures"]


def test_the_same_release_again_changes_nothing(stage: Stage) -> None:
    before = stage.host.look()
    outcome = stage.deploy("1.0")
    after = stage.host.look()
    assert outcome.rc == 0, str(outcome)
    assert outcome.verdict == "no_op", str(outcome)
    assert re.findall(r"\bchanged=(\d+)", outcome.said) == ["0"], str(outcome)
    assert after["services"] == before["services"]
    assert (after["release"], after["data"]) == (before["release"], before["data"])
    stage.assert_invariants("1.0")


def test_a_look_at_the_next_release_changes_not_one_byte(stage: Stage) -> None:
    before = stage.host.look()
    outcome = stage.deploy("1.1", "--check", "--diff")
    after = stage.host.look()
    assert outcome.rc == 0, str(outcome)
    assert after["tree"] == before["tree"]
    assert after == before
