"""The power goes while the data are migrated: nothing starts by itself, and both ways lead out."""

from __future__ import annotations

import pytest

from stagegate.history import unfinished
from tests.scenario import Host, Outcome, Stage, smoke_counts

pytest_plugins = ["tests.scenario.fixtures"]

# Latency is the subject of gate_red: a busy controller must not end these runs before the cut.
DEPLOY = ("-e", "release_version=1.1", "-e", '{"gates": []}')


def deploy_into_the_dark(stage: Stage, step: str) -> tuple[Outcome, str]:
    """Deploy 1.1 under load and take the power away when the step is announced; the run's id."""
    with stage.host.load():
        return go_into_the_dark(stage, step)


def go_into_the_dark(stage: Stage, step: str, *more: str) -> tuple[Outcome, str]:
    """The same without users: there are none while the services are held."""
    host = stage.host
    entries = len(host.ledger())
    running = stage.start("deploy.yml", *DEPLOY, *more)
    host.wait_for(step, running, entries)
    host.machine.power_off()
    outcome = running.wait()
    assert outcome.rc != 0
    host.machine.power_on()
    left = unfinished(host.ledger())
    assert left is not None
    return outcome, left.id


def assert_held(host: Host) -> None:
    """After the boot nothing runs, the guard and the lock stand, and 1.0 is the live release."""
    seen = host.look()
    assert [s["ActiveState"] for s in seen["services"].values()] == ["inactive"] * 2
    assert seen["guarded"]
    assert seen["locked"]
    assert seen["release"] == "releases/1.0"
    assert seen["integrity"] == []


@pytest.mark.parametrize("step", ["migrate.stage:memory", "migrate.apply:memory"])
def test_it_is_taken_back_after_the_power_cut(stage: Stage, step: str) -> None:
    host = stage.host
    data = host.look()["data"]
    deploy_into_the_dark(stage, step)
    assert_held(host)
    outcome = stage.roll_back()
    assert outcome.rc == 0, str(outcome)
    assert outcome.verdict == "restored", str(outcome)
    assert host.way_back(outcome) == "R0"
    assert smoke_counts(outcome, host.name) == (35, 35)
    assert host.look()["data"] == data
    stage.assert_invariants("1.0")
    assert not host.load().lost()


def test_the_power_goes_twice_more_while_it_is_resumed(stage: Stage) -> None:
    host = stage.host
    _, run = deploy_into_the_dark(stage, "migrate.apply:memory")
    for step in ("migrate.stage:memory", "migrate.apply:memory"):
        _, again = go_into_the_dark(stage, step, "-e", f"resume={run}")
        assert again == run
        assert_held(host)
    outcome = stage.roll_back()
    assert outcome.rc == 0, str(outcome)
    assert outcome.verdict == "restored", str(outcome)
    stage.assert_invariants("1.0")
    assert not host.load().lost()


def test_it_can_also_be_resumed(stage: Stage) -> None:
    host = stage.host
    _, run = deploy_into_the_dark(stage, "migrate.apply:memory")
    assert_held(host)
    second = stage.play("deploy.yml", *DEPLOY)
    assert second.rc != 0, "an unfinished run holds the system"
    assert f"resume={run}" in " ".join(second.said.split()), str(second)
    outcome = stage.play("deploy.yml", *DEPLOY, "-e", f"resume={run}")
    assert outcome.rc == 0, str(outcome)
    assert (outcome.verdict, outcome.run) == ("deployed", run)
    stage.assert_invariants("1.1")
    assert not host.load().lost()
