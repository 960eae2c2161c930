"""A release that dies, or says that it is another, goes back with all writes made on it."""

from __future__ import annotations

import pytest

from tests.scenario import Stage, smoke_counts

pytest_plugins = ["tests.scenario.fixtures"]

GONE_BACK = [
    # release, the steps that may see it first: one dies five seconds after its start
    ("2.3-dies", {"restart.start", "smoke.smoke", "admit.steady", "gate.evaluate"}),
    ("2.5-lies", {"restart.start"}),
]


@pytest.mark.parametrize(("version", "nets"), GONE_BACK)
def test_it_goes_back(stage: Stage, version: str, nets: set[str]) -> None:
    host = stage.host
    before = host.look()
    with host.load() as load:
        outcome = stage.deploy(version)
    assert outcome.rc != 0
    assert outcome.verdict == "restored", str(outcome)
    (failed,) = outcome.steps(host.name, "failed")
    assert failed in nets, str(outcome)
    assert "rollback.smoke" in outcome.steps(host.name)
    assert smoke_counts(outcome, host.name) == (35, 35)
    assert host.way_back(outcome) == "R2"
    after = host.look()
    assert after["data"] == before["data"], "its data were never migrated"
    assert (
        after["services"]["abathur-api"]["InvocationID"]
        != (before["services"]["abathur-api"]["InvocationID"])
    )
    stage.assert_invariants("1.1")
    assert not load.lost()
