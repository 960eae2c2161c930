"""The scenario table of hosts that are lost, cut off, slow or not what they must be."""

from __future__ import annotations

from pathlib import Path

import yaml

from stagegate.ledger import read_ledger
from tests.integration.story.stage import DATA_HOST, HOSTS, ROOT, Stage, everywhere
from tests.integration.story.sudo import become_by_sudo, needs_sudo


def touched(stage: Stage) -> list[str]:
    """What was done to any host beyond looking at it."""
    return [a for host in HOSTS for a in stage.acts(host) if not a.startswith("preflight.")]


def test_unreachable_hosts_are_all_named_before_any_host_is_touched(deployed: Stage) -> None:
    for name in ("h1", "h3"):
        (deployed.home / name / "lost").touch()
    assert deployed.run("-e release_version=1.1") != 0
    assert touched(deployed) == []
    assert deployed.locked() == []
    assert deployed.live() == everywhere("1.0")


def test_a_host_that_is_lost_among_the_locks_leaves_none_behind(deployed: Stage) -> None:
    """The first host has given its lock when the second is lost."""
    taken = deployed.home / "h1/state/demo/lock"
    deployed.faults = {"h2": {"story_lost_with": str(taken)}}
    assert deployed.run("-e release_version=1.1") != 0
    closed = read_ledger(deployed.home / "h1/state/demo/ledger.jsonl").entries[-1]
    assert (closed.kind, closed.state["verdict"]) == ("terminal", "refused")
    assert touched(deployed) == []
    assert deployed.live() == everywhere("1.0")
    assert deployed.locked() == []


def test_a_host_without_its_python_is_refused_before_any_host_is_touched(deployed: Stage) -> None:
    deployed.faults = {"h2": {"ansible_python_interpreter": "/nowhere/python3"}}
    assert deployed.run("-e release_version=1.1") != 0
    assert "'/nowhere/python3' was not found" in deployed.said()
    assert touched(deployed) == []
    assert deployed.live() == everywhere("1.0")
    assert deployed.locked() == []


def test_a_machine_with_two_names_is_refused_before_any_host_is_touched(deployed: Stage) -> None:
    deployed.faults = {"h2": {"state_root": str(deployed.home / "h1/state")}}
    assert deployed.run("-e release_version=1.1") != 0
    assert "h1 and h2 are one machine: state_root of both is" in deployed.said()
    assert touched(deployed) == []
    assert deployed.live() == everywhere("1.0")
    assert deployed.locked() == []


def test_two_hosts_with_one_database_are_refused_before_it_is_touched(deployed: Stage) -> None:
    deployed.nouns = {"stores": DATA_HOST["stores"]}
    assert deployed.run("-e release_version=1.1") != 0
    assert "stores.history of h1 and stores.history of h2 are one place" in deployed.said()
    assert touched(deployed) == []
    assert deployed.locked() == []


def test_a_wave_that_is_lost_whole_still_ends_in_a_report(deployed: Stage) -> None:
    deployed.waves = [1, "100%"]
    deployed.faults = {name: {"story_loses": ["quiesce.hold"]} for name in ("h2", "h3")}
    assert deployed.run("-e release_version=1.1") != 0
    assert deployed.live() == everywhere("1.0")
    assert deployed.locked() == ["h2", "h3"]
    record = deployed.record()
    assert (record["verdict"], record["exit"]) == ("unknown", 30)
    assert record["hosts"]["h1"]["verdict"] == "restored"
    assert "bring back h2" in record["message"]["next"]
    deployed.faults = {}
    deployed.return_hosts()
    assert deployed.run(playbook="playbooks/rollback.yml") == 0, deployed.said()
    assert deployed.locked() == []


def test_hosts_that_are_all_lost_still_end_in_a_report(deployed: Stage) -> None:
    deployed.waves = ["100%"]
    deployed.faults = {name: {"story_loses": ["quiesce.hold"]} for name in HOSTS}
    assert deployed.run("-e release_version=1.1") != 0
    assert deployed.locked() == HOSTS
    record = deployed.record()
    assert (record["verdict"], record["exit"]) == ("unknown", 30)
    deployed.faults = {}
    deployed.return_hosts()
    assert deployed.run(playbook="playbooks/rollback.yml") == 0, deployed.said()
    assert deployed.live() == everywhere("1.0")
    assert deployed.locked() == []


@needs_sudo
def test_a_sudo_that_does_not_allow_is_refused_before_any_host_is_touched(deployed: Stage) -> None:
    deployed.faults = {"h2": become_by_sudo(deployed, "h2", allowed=False)}
    assert deployed.run("-e release_version=1.1") != 0
    assert "root is not allowed to execute" in deployed.said()
    assert touched(deployed) == []
    assert deployed.live() == everywhere("1.0")
    assert deployed.locked() == []


def test_a_host_whose_wave_never_came_is_not_called_deployed(
    deployed: Stage, tmp_path: Path
) -> None:
    story = [
        {**play, "import_playbook": str(ROOT / play["import_playbook"])}
        for play in yaml.safe_load((ROOT / "deploy.yml").read_text())
        if play.get("vars") != {"wave": 3}
    ]
    (tmp_path / "short.yml").write_text(yaml.safe_dump(story))
    assert deployed.run("-e release_version=1.1", playbook=str(tmp_path / "short.yml")) != 0
    assert deployed.live() == {"h1": "1.1", "h2": "1.1", "h3": "1.0"}
    assert deployed.locked() == HOSTS
    record = deployed.record()
    assert (record["verdict"], record["exit"]) == ("unfinished", 40)
    resumed = f"-e release_version=1.1 -e resume={record['run']}"
    assert deployed.run(resumed) == 0, deployed.said()
    assert deployed.live() == everywhere("1.1")
    assert deployed.locked() == []
