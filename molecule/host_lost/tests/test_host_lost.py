"""A host is lost in the second wave: the others go back; it is named, and put back later."""

from __future__ import annotations

from contextlib import ExitStack

from tests.scenario import Stage

pytest_plugins = ["tests.scenario.fixtures"]

# Latency is the subject of gate_red: a busy controller must not end this run before the loss.
DEPLOY = ("-e", "release_version=1.1", "-e", '{"gates": []}')
LOST, REACHED = "abathur-s3", ("abathur-s1", "abathur-s2")


def test_the_reachable_hosts_go_back_and_the_lost_one_is_unknown(stage: Stage) -> None:
    lost = stage.hosts[LOST]
    entries = len(lost.ledger())
    with ExitStack() as users:
        for host in stage.hosts.values():
            users.enter_context(host.load())
        running = stage.start("deploy.yml", *DEPLOY)
        lost.wait_for("quiesce.hold", running, entries)
        lost.machine.cut()
        outcome = running.wait()
    assert outcome.rc != 0
    assert (outcome.verdict, outcome.record["exit"]) == ("unknown", 30), str(outcome)
    verdicts = {name: part["verdict"] for name, part in outcome.record["hosts"].items()}
    assert verdicts == {LOST: "unknown", **dict.fromkeys(REACHED, "restored")}
    message = outcome.record["message"]
    assert LOST in message["what"] + message["now"], str(outcome)
    assert f"bring back {LOST}" in message["next"], str(outcome)
    assert "rollback.yml" in message["next"], str(outcome)
    for name in REACHED:
        stage.hosts[name].assert_invariants("1.0")
        assert not stage.hosts[name].load().lost()


def test_the_lost_host_holds_still_until_it_is_put_back(stage: Stage) -> None:
    lost = stage.hosts[LOST]
    lost.machine.heal()
    seen = lost.look()
    assert seen["locked"]
    assert seen["guarded"]
    assert [s["ActiveState"] for s in seen["services"].values()] == ["inactive"] * 2
    before = {name: stage.hosts[name].look()["services"] for name in REACHED}
    outcome = stage.roll_back()
    assert outcome.rc == 0, str(outcome)
    assert {name: stage.hosts[name].look()["services"] for name in REACHED} == before
    stage.assert_invariants("1.0")
    for host in stage.hosts.values():
        assert not host.load().lost()
