"""The scenario table of a system whose hosts share a store and stand behind a door."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.story.stage import HOSTS, Stage, everywhere
from tests.integration.story.sudo import become_by_sudo, needs_sudo


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    stage = Stage(tmp_path_factory.mktemp("shared"), shared=True)
    assert stage.run("-e release_version=1.0") == 0, stage.said()
    assert stage.live() == everywhere("1.0")
    return stage


@pytest.fixture
def deployed(first: Stage, tmp_path: Path) -> Stage:
    """Three hosts and their store with 1.0 live: the state of the first deployment, copied."""
    home = tmp_path / "stage"
    shutil.copytree(first.home, home, ignore=shutil.ignore_patterns("runner"))
    return Stage(home, shared=True)


def closed_at_once(order: list[str]) -> int:
    """The most doors that were closed at the same time."""
    closed: set[str] = set()
    most = 0
    for line in order:
        host, _, act = line.partition(":")
        if act.endswith(".close"):
            closed.add(host)
        elif act.endswith(".open"):
            closed.discard(host)
        most = max(most, len(closed))
    return most


def went_back(order: list[str]) -> list[str]:
    """The hosts in the order in which their services were held to go back."""
    return [line.split(":")[0] for line in order if line.endswith(":rollback.hold")]


def test_users_always_find_a_host(deployed: Stage) -> None:
    assert deployed.run("-e release_version=1.1") == 0, deployed.said()
    assert deployed.live() == everywhere("1.1")
    order = deployed.order()
    assert closed_at_once(order) == 1
    assert order.index("db:migrate.seal:history") < order.index("h1:restart.start")
    assert order.index("h1:gate.gate") < order.index("h2:quiesce.close")


def test_the_last_host_takes_all_back_one_after_the_other(deployed: Stage) -> None:
    deployed.faults = {"h3": {"story_fails": ["smoke.smoke"]}}
    assert deployed.run("-e release_version=1.1") != 0
    assert deployed.live() == everywhere("1.0")
    order = deployed.order()
    assert [host for host in went_back(order) if host != "db"] == ["h3", "h2", "h1"]
    assert closed_at_once(order) == 1
    assert "rollback.restore:history" not in deployed.acts("db")
    assert deployed.locked() == []


@pytest.mark.parametrize("migration_class", ["reversible", "one_way"])
def test_a_schema_of_the_new_release_alone_closes_all_doors_first(
    deployed: Stage, migration_class: str
) -> None:
    deployed.migration_class = migration_class
    assert deployed.run("-e release_version=1.1") == 0, deployed.said()
    order = deployed.order()
    stage = order.index("db:migrate.stage:history")
    assert all(order.index(f"{host}:quiesce.hold") < stage for host in HOSTS)
    start = order.index("db:restart.activate:history")
    assert all(order.index(f"{host}:restart.start") > start for host in HOSTS)


BACK = [
    # class, where it fails -> what the shared store is asked to do
    ("reversible", "gate.gate", ["forensic", "revert", "restore"]),
    ("one_way", "smoke.smoke", ["restore"]),
    ("one_way", "gate.gate", ["forensic", "delta", "restore"]),
]


@pytest.mark.parametrize(("migration_class", "place", "asked"), BACK)
def test_shared_data_go_back_by_their_class_when_no_host_writes(
    deployed: Stage, migration_class: str, place: str, asked: list[str]
) -> None:
    deployed.migration_class = migration_class
    deployed.faults = {"h2": {"story_fails": [place]}}
    assert deployed.run("-e release_version=1.1") != 0
    assert deployed.live() == everywhere("1.0"), deployed.said()
    order = deployed.order()
    mine = [line.split(":") for line in order if line.startswith("db:rollback.")]
    assert [act[1] for act in mine if act[2:] == ["history"]] == [
        f"rollback.{act}" for act in asked
    ]
    restored = order.index("db:rollback.restore:history")
    assert all(order.index(f"{host}:rollback.hold") < restored for host in HOSTS)
    assert all(order.index(f"{host}:rollback.start") > restored for host in HOSTS)


def test_shared_data_stay_while_one_host_may_write(deployed: Stage) -> None:
    deployed.migration_class = "reversible"
    deployed.faults = {"h2": {"story_fails": ["gate.gate", "rollback.hold"]}}
    assert deployed.run("-e release_version=1.1") != 0
    assert "rollback.revert:history" not in deployed.acts("db")
    assert "rollback.start" not in [act for host in HOSTS for act in deployed.acts(host)]
    assert deployed.record()["verdict"] == "fenced"
    assert "h2" in deployed.said()


def test_nothing_starts_beside_data_that_did_not_go_back(deployed: Stage) -> None:
    deployed.migration_class = "one_way"
    deployed.faults = {
        "h2": {"story_fails": ["gate.gate"]},
        "db": {"story_fails": ["rollback.restore:history"]},
    }
    assert deployed.run("-e release_version=1.1") != 0
    assert "rollback.start" not in [act for host in HOSTS for act in deployed.acts(host)]
    assert deployed.record()["verdict"] == "fenced"
    deployed.faults = {}
    assert deployed.run(playbook="playbooks/rollback.yml") == 0, deployed.said()
    assert deployed.live() == everywhere("1.0")
    assert deployed.locked() == []


def test_a_lost_host_is_shut_out_and_put_back_when_it_returns(deployed: Stage) -> None:
    deployed.faults = {"h2": {"story_loses": ["restart.start"]}}
    assert deployed.run("-e release_version=1.1") != 0
    assert "rollback.shut:h2" in deployed.acts("h1")
    assert (deployed.live()["h1"], deployed.live()["h3"]) == ("1.0", "1.0")
    assert deployed.locked() == ["h2"]
    assert deployed.record()["verdict"] == "unknown"
    deployed.faults = {}
    deployed.return_hosts()
    assert deployed.run(playbook="playbooks/rollback.yml") == 0, deployed.said()
    assert deployed.live() == everywhere("1.0")
    assert deployed.acts("h2")[-1] == "rollback.open"
    assert deployed.locked() == []


@needs_sudo
def test_a_host_whose_sudo_is_narrowed_in_the_run_is_shut_out(deployed: Stage) -> None:
    """Nothing can be done on it any more, so that it goes on with a release that must go."""
    narrowed = become_by_sudo(deployed, "h2", until="gate.gate")
    deployed.faults = {"h2": {**narrowed, "story_fails": ["gate.gate"]}}
    assert deployed.run("-e release_version=1.1") != 0
    assert "root is not allowed to execute" in deployed.said()
    assert "rollback.shut:h2" in deployed.acts("h1")
    assert deployed.live() == {"h1": "1.0", "h2": "1.1", "h3": "1.0"}
    assert deployed.locked() == ["h2"]
    record = deployed.record()
    assert (record["verdict"], record["exit"]) == ("unknown", 30)
    deployed.faults = {}
    assert deployed.run(playbook="playbooks/rollback.yml") == 0, deployed.said()
    assert deployed.live() == everywhere("1.0")
    assert deployed.locked() == []


def test_a_door_that_does_not_close_stops_no_service(deployed: Stage) -> None:
    deployed.faults = {"h2": {"story_fails": ["quiesce.close"]}}
    assert deployed.run("-e release_version=1.1") != 0
    assert "quiesce.close" in deployed.acts("h2")
    assert "quiesce.hold" not in deployed.acts("h2")
    assert deployed.live() == everywhere("1.0")
    assert deployed.record()["verdict"] == "restored"
