"""The scenario table of the playbooks: who was deployed, who went back, and how it ended.

The real playbooks and the real ledger run on three local hosts; the drivers are reduced to their
steps, and fail or lose their host where a row says so. A new ansible-core is judged by this table
before it is pinned.
"""

from __future__ import annotations

import pytest

from stagegate.conduct import open_run
from stagegate.journal import Run
from tests.integration.story.stage import HOSTS, Stage, everywhere


def test_a_good_release_goes_forward_in_waves(deployed: Stage) -> None:
    assert deployed.run("-e release_version=1.1") == 0, deployed.said()
    assert deployed.live() == everywhere("1.1")
    assert deployed.record()["verdict"] == "deployed"
    assert [deployed.acts(host).count("restart.start") for host in HOSTS] == [1, 1, 1]
    assert deployed.judged() == HOSTS
    assert "rollback" not in deployed.roles(), "a task of the way back cost a process for each host"


def test_the_same_release_again_touches_nothing(deployed: Stage) -> None:
    assert deployed.run("-e release_version=1.0") == 0, deployed.said()
    for host in HOSTS:
        assert [a for a in deployed.acts(host) if not a.startswith("preflight.")] == []
    assert deployed.locked() == []


RED = [
    # where it fails, on which host -> hosts whose services were restarted and went back
    ("release.stage", "h3", []),
    ("quiesce.hold", "h1", ["h1"]),
    ("restart.activate_release", "h1", ["h1"]),
    ("restart.start", "h1", ["h1"]),
    ("smoke.smoke", "h1", ["h1"]),
    ("gate.gate", "h1", ["h1"]),
    ("smoke.smoke", "h2", ["h1", "h2"]),
    ("gate.gate", "h3", HOSTS),
    ("observe.observe", "h2", HOSTS),
]


def test_a_failure_that_reached_no_ledger_is_told_as_the_cause(deployed: Stage) -> None:
    deployed.faults = {"h2": {"story_breaks": ["restart.start"]}}
    assert deployed.run("-e release_version=1.1") != 0
    assert deployed.live() == everywhere("1.0"), deployed.said()
    told = deployed.record()
    assert (told["verdict"], told["exit"]) == ("restored", 20)
    assert told["message"]["what"].startswith("h2, restart: Play the service driver: ")
    assert "no module was begun, as the test asks" in told["message"]["what"]


@pytest.mark.parametrize(("place", "host", "back"), RED)
def test_one_red_host_takes_every_touched_host_back(
    deployed: Stage, place: str, host: str, back: list[str]
) -> None:
    deployed.faults = {host: {"story_fails": [place]}}
    assert deployed.run("-e release_version=1.1") != 0
    assert deployed.live() == everywhere("1.0"), deployed.said()
    went = [name for name in HOSTS if "rollback.hold" in deployed.acts(name)]
    assert went == back
    assert deployed.locked() == []
    assert deployed.record()["verdict"] == "restored"


def test_a_red_preflight_changes_nothing_anywhere(deployed: Stage) -> None:
    deployed.faults = {"h3": {"story_fails": ["preflight.probe"]}}
    assert deployed.run("-e release_version=1.1") != 0
    assert deployed.live() == everywhere("1.0")
    assert deployed.locked() == []
    assert [a for h in HOSTS for a in deployed.acts(h) if not a.startswith("preflight.")] == []


@pytest.mark.parametrize("place", ["quiesce.hold", "restart.start", "gate.gate"])
def test_a_host_lost_in_wave_two_takes_the_reachable_ones_back(deployed: Stage, place: str) -> None:
    deployed.faults = {"h2": {"story_loses": [place]}}
    assert deployed.run("-e release_version=1.1") != 0
    live = deployed.live()
    assert (live["h1"], live["h3"]) == ("1.0", "1.0")
    assert "quiesce.hold" not in deployed.acts("h3")
    assert deployed.locked() == ["h2"]
    assert deployed.record()["verdict"] == "unknown"
    deployed.faults = {}
    deployed.return_hosts()
    assert deployed.run(playbook="playbooks/rollback.yml") == 0, deployed.said()
    assert deployed.live() == everywhere("1.0")
    assert deployed.locked() == []


def test_a_resume_that_some_hosts_refuse_leaves_the_others_as_they_were(deployed: Stage) -> None:
    deployed.faults = {"h2": {"story_loses": ["quiesce.hold"]}}
    assert deployed.run("-e release_version=1.1") != 0
    deployed.faults = {}
    deployed.return_hosts()
    run = deployed.record()["run"]
    assert deployed.run("-e release_version=1.1", f"-e resume={run}") != 0
    assert "it can only go on going back" in deployed.said()
    assert deployed.locked() == ["h2"]
    assert deployed.run(playbook="playbooks/rollback.yml") == 0, deployed.said()
    assert "rollback.start" in deployed.acts("h2")
    assert deployed.live() == everywhere("1.0")
    assert deployed.locked() == []


def test_a_rollback_beside_a_live_run_touches_no_host(deployed: Stage) -> None:
    """The run that holds one host is at work elsewhere; the others have nothing of it."""
    state = deployed.home / "h2/state/demo"
    run = Run("20991231T000000Z-beef", 0, "demo", "h2", state, exclusive=False)
    owner = {"operator": "night", "controller": "elsewhere", "controller_id": "elsewhere/b/1/2"}
    open_run(run, {"kind": "deploy", "from": "1.0", "to": "1.1"}, owner, resume=False)
    assert deployed.run(playbook="playbooks/rollback.yml") != 0
    assert "at work less than two minutes ago" in deployed.said()
    assert [a for h in HOSTS for a in deployed.acts(h)] == []
    assert deployed.live() == everywhere("1.0")
    assert deployed.locked() == ["h2"]


def test_a_run_is_resumed_only_as_the_release_it_was_begun_for(deployed: Stage) -> None:
    state = deployed.home / "h1/state/demo"
    run = Run("20261122T000000Z-beef", 0, "demo", "h1", state, exclusive=False)
    plan = {"kind": "deploy", "from": "1.0", "to": "1.1", "noop": False, "migrate": {}}
    open_run(run, plan, {"controller_id": "elsewhere/b/1/2"}, resume=False)
    (state / "heartbeat.json").unlink()
    assert deployed.run("-e release_version=2.0", f"-e resume={run.id}") != 0
    assert "was begun with to '1.1', this command says '2.0'" in deployed.said()
    acted = [a for h in HOSTS for a in deployed.acts(h) if not a.startswith("preflight.")]
    assert acted == []
    assert deployed.locked() == ["h1"]


def test_a_failing_rollback_fences_its_host_alone(deployed: Stage) -> None:
    deployed.faults = {"h1": {"story_fails": ["gate.gate", "rollback.start"]}}
    assert deployed.run("-e release_version=1.1") != 0
    assert "rollback.fence" in deployed.acts("h1")
    assert deployed.locked() == ["h1"]
    assert deployed.record()["verdict"] == "fenced"


TWICE = {"restore": 3}
"""Where two drivers have a step of this name, the first of which fails once."""


@pytest.mark.parametrize("step", ["hold", "restore", "start", "smoke"])
def test_a_fault_that_passes_does_not_leave_a_host_fenced(deployed: Stage, step: str) -> None:
    deployed.faults = {"h1": {"story_fails": ["gate.gate", f"rollback.{step} once"]}}
    assert deployed.run("-e release_version=1.1") != 0
    done = deployed.acts("h1").count(f"rollback.{step}")
    assert done == TWICE.get(step, 2), deployed.said()
    assert deployed.live() == everywhere("1.0")
    assert deployed.locked() == []
    assert deployed.record()["verdict"] == "restored"


def test_rollback_on_request_goes_to_the_release_before_and_only_once(deployed: Stage) -> None:
    assert deployed.run("-e release_version=1.1") == 0
    assert deployed.run("--tags rollback") == 0, deployed.said()
    assert deployed.live() == everywhere("1.0")
    assert deployed.run("--tags rollback") == 0, deployed.said()
    assert [a for h in HOSTS for a in deployed.acts(h)] == []
    assert deployed.live() == everywhere("1.0")


def test_a_phase_alone_opens_no_run_and_rolls_nothing_back(deployed: Stage) -> None:
    assert deployed.run("--tags smoke") == 0, deployed.said()
    assert {a for h in HOSTS for a in deployed.acts(h)} == {"smoke.smoke"}
    deployed.faults = {"h2": {"story_fails": ["smoke.smoke"]}}
    assert deployed.run("--tags smoke") != 0
    assert {a for h in HOSTS for a in deployed.acts(h)} == {"smoke.smoke"}
    assert deployed.live() == everywhere("1.0")
    assert deployed.locked() == []
    assert deployed.run(playbook="playbooks/smoke.yml") != 0


@pytest.mark.parametrize("phase", ["quiesce", "migrate", "restart", "admit"])
def test_no_changing_phase_acts_without_its_run(deployed: Stage, phase: str) -> None:
    for playbook, arguments in (("deploy.yml", f"--tags {phase}"), (f"playbooks/{phase}.yml", "")):
        assert deployed.run(*arguments.split(), playbook=playbook) != 0
        assert "is a part of a run" in deployed.said()
        assert [a for h in HOSTS for a in deployed.acts(h)] == []


REFUSED = [
    (["--tags", "typo", "-e", "release_version=1.1"], "there is no phase"),
    (["--skip-tags", "gate", "-e", "release_version=1.1"], "cannot be skipped"),
    ([], "say it by -e release_version"),
    (["-e", "release_version=1.l"], "did you mean 1."),
    (["-e", "'release_version=1.1;reboot'"], "is not a version"),
    (["-e", "'release_version={{ 1 }}'"], "template marker"),
    (["-e", "release_version=1.1", "-e", "stoers=x"], "did you mean stores?"),
    (["-e", "release_version=1.1", "-e", "data_root=/x/../etc"], "must be written without"),
    (["-e", "release_version=1.1", "-e", "resume=20200101T000000Z-dead"], "no run"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED)
def test_bad_input_is_refused_before_anything(
    deployed: Stage, arguments: list[str], words: str
) -> None:
    assert deployed.run(*arguments) != 0
    assert words in deployed.said()
    acted = [a for h in HOSTS for a in deployed.acts(h) if not a.startswith("preflight.")]
    assert acted == []
    assert deployed.locked() == []


def test_check_mode_says_what_would_be_done_and_does_nothing(deployed: Stage) -> None:
    before = {p: p.read_bytes() for p in deployed.home.rglob("ledger.jsonl")}
    assert deployed.run("--check", "--diff", "-e", "release_version=1.1") == 0, deployed.said()
    assert deployed.live() == everywhere("1.0")
    assert {p: p.read_bytes() for p in deployed.home.rglob("ledger.jsonl")} == before
    assert "restart.start (check)" in deployed.acts("h1")
