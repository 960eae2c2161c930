"""A host is lost in the second wave: the others go back, users notice nothing, it comes last."""

from __future__ import annotations

from collections.abc import Callable

from stagegate.history import unfinished
from tests.lab import Machine
from tests.scenario import Outcome
from tests.scenario.fleet import SERVING, WITHOUT_GATES, Fleet, doors, verdicts

pytest_plugins = ["tests.scenario.fixtures"]

DEPLOY = ("-e", "release_version=1.1", *WITHOUT_GATES)
LOST = "app2"
SHUT = {"app1": "UP", "app2": "MAINT", "app3": "UP"}


def deploy_and_lose(fleet: Fleet, step: str, lose: Callable[[Machine], None]) -> Outcome:
    """Deploy 1.1 under load and lose the second host when it announces a step."""
    lost = fleet.hosts[LOST]
    entries = len(lost.ledger())
    with fleet.users() as users:
        running = fleet.start("deploy.yml", *DEPLOY)
        lost.wait_for(step, running, entries)
        lose(lost.machine)
        outcome = running.wait()
    assert users.failed == {}, str(outcome)
    assert not users.lost()
    return outcome


def assert_the_others_went_back(fleet: Fleet, outcome: Outcome) -> None:
    """The run is over everywhere but on the lost host, of which nothing is claimed."""
    assert outcome.rc != 0
    assert (outcome.verdict, outcome.record["exit"]) == ("unknown", 30), str(outcome)
    reached = [name for name in fleet.hosts if name != LOST]
    assert verdicts(outcome) == {LOST: "unknown", **dict.fromkeys(reached, "restored")}
    message = outcome.record["message"]
    assert LOST in message["what"] + message["now"], str(outcome)
    assert f"bring back {LOST}" in message["next"], str(outcome)
    assert "rollback.yml" in message["next"], str(outcome)
    assert f"rollback.shut:{LOST}" in doors(outcome)
    assert fleet.servers() == SHUT
    for name in reached:
        fleet.assert_closed(name, "1.0")
    for name in SERVING:
        if name != LOST:
            fleet.assert_serves(name, "1.0")


def put_back_under_load(fleet: Fleet) -> None:
    """The lost host is put back behind its closed door; the others are left as they are."""
    before = fleet.instances()
    with fleet.users() as users:
        outcome = fleet.roll_back()
    assert outcome.rc == 0, str(outcome)
    assert outcome.verdict == "restored", str(outcome)
    after = fleet.instances()
    assert {name for name in SERVING if after[name] != before[name]} == {LOST}
    assert users.failed == {}
    assert not users.lost()
    fleet.assert_invariants("1.0")


def test_the_reachable_hosts_go_back_and_the_lost_one_is_unknown(fleet: Fleet) -> None:
    outcome = deploy_and_lose(fleet, "restart.start", Machine.cut)
    assert_the_others_went_back(fleet, outcome)
    assert fleet.hosts[LOST].locked()


def test_back_on_the_network_it_is_shut_out_until_it_is_put_back(fleet: Fleet) -> None:
    lost = fleet.hosts[LOST]
    lost.machine.heal()
    assert fleet.servers() == SHUT
    assert lost.locked()
    put_back_under_load(fleet)


def test_without_power_it_starts_nothing_by_itself(fleet: Fleet) -> None:
    # Earlier than above: once the start is announced, the guard may be gone when the power goes.
    outcome = deploy_and_lose(fleet, "restart.activate_release", Machine.power_off)
    assert_the_others_went_back(fleet, outcome)
    lost = fleet.hosts[LOST]
    lost.machine.power_on()
    fleet.assert_held(LOST)
    assert unfinished(lost.ledger()) is not None
    assert fleet.servers() == SHUT
    put_back_under_load(fleet)
