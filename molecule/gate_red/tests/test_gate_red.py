"""A release that works, and is too slow, goes back; its migrated data stay."""

from __future__ import annotations

from tests.scenario import Stage, smoke_counts

pytest_plugins = ["tests.scenario.fixtures"]


def test_a_slow_release_goes_back_and_keeps_the_writes_made_on_it(stage: Stage) -> None:
    host = stage.host
    before = host.look()
    with host.load() as load:
        outcome = stage.deploy("2.4-slow")
    assert outcome.rc != 0
    assert (outcome.verdict, outcome.record["exit"]) == ("restored", 21), str(outcome)
    assert outcome.steps(host.name, "failed") == ["gate.evaluate"], str(outcome)
    assert "query_p99" in outcome.red_gates(host.name), str(outcome)
    assert "query_p99" in outcome.what, str(outcome)
    assert host.way_back(outcome) == "R2"
    assert smoke_counts(outcome, host.name) == (35, 35)
    assert host.look()["data"] != before["data"], "the former release runs on the new schema"
    kept = host.files(f"/var/lib/stagegate/abathur/evidence/{outcome.run}/memory")
    assert any(name.startswith("failed-") for name in kept), kept
    stage.assert_invariants("1.1")
    assert not load.lost()
