"""Several hosts and several people: all hosts of a run are taken or none, whoever else is there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from stagegate import conduct, reopening
from stagegate.history import RunSummary, runs
from stagegate.journal import Run, open_journal
from stagegate.ledger import Entry, read_ledger
from tests.integration.story.stage import HOSTS, ROOT, STORY, Stage, everywhere

STRANGER = {"operator": "night", "controller": "c1", "controller_id": "c1/b/1/2", "started": "then"}
RUN = "20260101T000000Z-abcd"


def state(stage: Stage, host: str) -> Path:
    return stage.home / host / "state/demo"


def entries(stage: Stage, host: str) -> tuple[Entry, ...]:
    return read_ledger(state(stage, host) / "ledger.jsonl").entries


def last_run(stage: Stage, host: str) -> RunSummary:
    return runs(entries(stage, host))[-1]


def begun_elsewhere(stage: Stage, host: str) -> None:
    """Let another controller deploy 1.0 again, and stop after the switch, unheard of since."""
    plan = {**last_run(stage, host).plan, "from": "1.0", "noop": False}
    run = Run(RUN, 0, "demo", host, state(stage, host), exclusive=False)
    epoch = conduct.open_run(run, plan, STRANGER, resume=False)
    with open_journal(replace(run, epoch=epoch, exclusive=True)) as journal:
        for phase, name in (
            ("release", "stage"),
            ("quiesce", "hold"),
            ("restart", "activate_release"),
        ):
            with journal.step(phase, name) as step:
                step.done()
    (state(stage, host) / "heartbeat.json").unlink()


def died_taking(stage: Stage, host: str) -> None:
    """Let another controller take a host to deploy 2.0, and die there."""
    run = Run(RUN.replace("2026", "2099"), 0, "demo", host, state(stage, host), exclusive=False)
    plan = {**last_run(stage, host).plan, "from": "1.1", "to": "2.0"}
    conduct.open_run(run, plan, STRANGER, resume=False)
    (state(stage, host) / "heartbeat.json").unlink()


def test_a_host_that_cannot_be_taken_sets_all_others_free(deployed: Stage) -> None:
    (state(deployed, "h2") / "epoch").write_text("seven")
    assert deployed.run("-e release_version=1.1") != 0
    assert "does not hold a number" in deployed.said()
    assert deployed.locked() == []
    assert [a for h in HOSTS for a in deployed.acts(h) if not a.startswith("preflight.")] == []
    for host in ("h1", "h3"):
        steps = [entry.step for entry in last_run(deployed, host).entries]
        assert steps == ["open", "close"]
        assert last_run(deployed, host).verdict == "refused"
    opened = {host: last_run(deployed, host).entries[0].t_mono for host in ("h1", "h3")}
    assert opened["h1"] < opened["h3"], "the first host decides, and is taken before the others"


def test_a_resumed_run_that_one_host_refuses_keeps_its_way_back_on_all(deployed: Stage) -> None:
    for host in HOSTS:
        begun_elsewhere(deployed, host)
    beat = {"boot_id": conduct.SystemClock().boot_id(), "mono": time.monotonic() + 30}
    (state(deployed, "h3") / "heartbeat.json").write_text(json.dumps(beat))
    assert deployed.run(f"-e release_version=1.0 -e resume={RUN}") != 0
    assert "was at work less than two minutes ago" in deployed.said()
    assert deployed.locked() == HOSTS
    assert {last_run(deployed, host).verdict for host in HOSTS} == {""}
    (state(deployed, "h3") / "heartbeat.json").unlink()
    assert deployed.run(f"-e release_version=1.1 -e resume={RUN}") != 0
    assert "was begun with to '1.0', this command says '1.1'" in deployed.said()
    assert deployed.run(playbook="playbooks/rollback.yml") == 0, deployed.said()
    assert {last_run(deployed, host).verdict for host in HOSTS} == {"restored"}
    assert deployed.locked() == []


def test_a_rollback_that_one_host_refuses_goes_back_nowhere(deployed: Stage) -> None:
    assert deployed.run("-e release_version=1.1") == 0, deployed.said()
    epoch = (state(deployed, "h2") / "epoch").read_text()
    (state(deployed, "h2") / "epoch").write_text("seven")
    assert deployed.run(playbook="playbooks/rollback.yml") != 0
    assert "does not hold a number" in deployed.said()
    assert "nothing was put back on any host" in deployed.said()
    assert deployed.live() == everywhere("1.1")
    assert [act for host in HOSTS for act in deployed.acts(host)] == []
    assert {last_run(deployed, host).verdict for host in HOSTS} == {"deployed"}
    assert [entries(deployed, host)[-2].step for host in ("h1", "h3")] == ["reopen", "reopen"]
    assert deployed.locked() == []
    (state(deployed, "h2") / "epoch").write_text(epoch)
    assert deployed.run(playbook="playbooks/rollback.yml") == 0, deployed.said()
    assert deployed.live() == everywhere("1.0")


def test_a_rollback_and_a_deployment_that_both_died_leave_one_release(deployed: Stage) -> None:
    """Each had taken a host and nothing more: neither goes on, and nobody loses a release."""
    assert deployed.run("-e release_version=1.1") == 0, deployed.said()
    died_taking(deployed, "h1")
    run = Run("asked", 0, "demo", "h3", state(deployed, "h3"), exclusive=False)
    reopening.reopen_run(run, STRANGER, False)
    (state(deployed, "h3") / "heartbeat.json").unlink()
    assert deployed.locked() == ["h1", "h3"]
    assert deployed.run(playbook="playbooks/rollback.yml") == 0, deployed.said()
    assert deployed.live() == everywhere("1.1")
    assert deployed.locked() == []
    assert [last_run(deployed, host).verdict for host in HOSTS] == [
        "restored",
        "deployed",
        "deployed",
    ]
    assert deployed.run(playbook="playbooks/rollback.yml") == 0, deployed.said()
    assert deployed.live() == everywhere("1.1"), "what went back goes back once"


def test_a_host_that_was_lost_goes_back_with_its_run_whoever_took_it_since(deployed: Stage) -> None:
    assert deployed.run("-e release_version=1.1") == 0, deployed.said()
    (deployed.home / "h2/lost").touch()
    assert deployed.run(playbook="playbooks/rollback.yml") != 0
    assert deployed.live() == {"h1": "1.0", "h2": "1.1", "h3": "1.0"}
    deployed.return_hosts()
    died_taking(deployed, "h2")
    assert deployed.run(playbook="playbooks/rollback.yml") == 0, deployed.said()
    assert deployed.live() == everywhere("1.0")
    assert deployed.locked() == []


def test_a_lock_that_nobody_can_read_is_freed_by_the_name_that_the_refusal_gives(
    deployed: Stage,
) -> None:
    for host in ("h1", "h2"):
        (state(deployed, host) / "heartbeat.json").unlink()
    (state(deployed, "h2") / "lock").mkdir()
    (state(deployed, "h2") / "lock/owner.json").write_bytes(b"{torn")
    assert deployed.run("-e release_version=1.1", "--tags preflight,release") != 0
    assert "run unknown holds this system" in deployed.said()
    assert deployed.run(playbook="playbooks/unlock.yml") != 0
    assert "say it by -e unlock=" in deployed.said()
    assert deployed.run("-e unlock=../x", playbook="playbooks/unlock.yml") != 0
    assert "is no run" in deployed.said()
    assert deployed.locked() == ["h2"]
    assert deployed.run("-e unlock=unknown", playbook="playbooks/unlock.yml") == 0, deployed.said()
    assert deployed.locked() == []
    assert [entries(deployed, host)[-1].step for host in HOSTS] == ["close", "unlock", "close"]


def heeding_signals() -> None:
    """A child of what was started in the background, or by nohup, would ignore both."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def start(
    stage: Stage, version: str, *options: str, wrapped: tuple[str, ...] = ()
) -> subprocess.Popen[str]:
    """The command itself, on the stage's hosts, in a process group of its own."""
    inventory = stage.home / "hosts.json"
    inventory.write_text(json.dumps(stage.inventory()))
    return subprocess.Popen(
        [*wrapped, "ansible-playbook", "deploy.yml", "-i", str(inventory),
         "-e", f"release_version={version}", *options],
        cwd=ROOT,
        preexec_fn=heeding_signals,  # noqa: PLW1509 - this process has one thread
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_ROLES_PATH": f"{STORY / 'roles'}:{ROOT / 'roles'}",
            "ANSIBLE_ACTION_PLUGINS": f"{STORY / 'action'}:{ROOT / 'plugins/action'}",
            "ANSIBLE_CONNECTION_PLUGINS": str(STORY / "connection"),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )  # fmt: skip


def await_step(stage: Stage, process: subprocess.Popen[str], phase: str, before: int) -> str:
    """The run that has begun a phase on the first host, as soon as it has."""
    while process.poll() is None:
        new = entries(stage, "h1")[before:]
        if any(entry.phase == phase for entry in new):
            return new[0].run
        time.sleep(0.05)
    raise AssertionError("the command ended before")


def test_of_two_deployments_at_once_one_is_whole_and_the_other_did_nothing(deployed: Stage) -> None:
    both = {version: start(deployed, version) for version in ("1.1", "2.0")}
    said = {version: process.communicate()[0] for version, process in both.items()}
    won = [version for version, process in both.items() if process.returncode == 0]
    assert len(won) == 1, said
    (lost,) = set(both) - set(won)
    assert deployed.live() == everywhere(won[0])
    assert "holds this system" in " ".join(said[lost].split())
    assert deployed.locked() == []
    for host in HOSTS:
        theirs = [run for run in runs(entries(deployed, host)) if run.plan.get("to") == lost]
        assert [run.verdict for run in theirs] in ([], ["refused"])
        assert all(entry.phase in ("preflight", "report") for r in theirs for entry in r.entries)


def test_a_run_goes_on_when_nobody_reads_it_and_its_terminal_is_gone(deployed: Stage) -> None:
    before = len(entries(deployed, "h1"))
    process = start(deployed, "1.1", wrapped=("nohup",))
    assert process.stdout is not None
    process.stdout.read(1)
    process.stdout.close()
    run = await_step(deployed, process, "release", before)
    os.killpg(process.pid, signal.SIGHUP)
    assert process.wait() == 0
    assert deployed.live() == everywhere("1.1")
    for host in HOSTS:
        ended = last_run(deployed, host)
        assert (ended.id, ended.verdict) == (run, "deployed")
    assert deployed.record()["verdict"] == "deployed"


def test_a_run_that_dies_with_its_terminal_is_resumed(deployed: Stage) -> None:
    before = len(entries(deployed, "h1"))
    process = start(deployed, "1.1")
    run = await_step(deployed, process, "quiesce", before)
    os.killpg(process.pid, signal.SIGHUP)
    process.communicate()
    assert process.returncode == -signal.SIGHUP
    assert deployed.locked() == HOSTS
    resumed = start(deployed, "1.1", "-e", f"resume={run}")
    said, _ = resumed.communicate()
    assert resumed.returncode == 0, said
    assert deployed.live() == everywhere("1.1")
    assert {last_run(deployed, host).verdict for host in HOSTS} == {"deployed"}
    assert deployed.locked() == []
