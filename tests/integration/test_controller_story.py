"""The scenario table of a controller whose disk takes nothing more."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.story.stage import HOSTS, Stage, everywhere

ROOMY = "size=96m"


def make_room(disk: Path) -> None:
    (disk / "ballast").unlink()


@pytest.mark.parametrize(
    ("options", "read_only", "words"),
    [
        ("size=8m", False, "No space left on device"),
        ("size=96m,nr_inodes=1", False, "No space left on device"),
        (ROOMY, True, "Read-only file system"),
    ],
    ids=["full", "no inodes", "read-only"],
)
def test_a_controller_without_room_is_refused_before_any_host_is_touched(
    deployed: Stage,
    small_disk: Callable[[str], Path],
    options: str,
    read_only: bool,
    words: str,
) -> None:
    disk = small_disk(options)
    if read_only:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    deployed.nouns = {"report_artifacts": str(disk / "artifacts")}
    assert deployed.run("-e release_version=1.1") != 0
    assert f"report_artifacts: 32 MiB cannot be had in {disk}/artifacts: {words}" in deployed.said()
    assert [act for host in HOSTS for act in deployed.acts(host)] == []
    assert deployed.live() == everywhere("1.0")
    assert deployed.locked() == []


def test_a_controller_that_cannot_pack_modules_is_refused_before_any_host_is_touched(
    deployed: Stage, small_disk: Callable[[str], Path]
) -> None:
    disk = small_disk("size=64k")
    deployed.environment = {"ANSIBLE_LOCAL_TEMP": str(disk)}
    assert deployed.run("-e release_version=1.1") != 0
    assert f"local_tmp: 32 MiB cannot be had in {disk}" in deployed.said()
    assert [act for host in HOSTS for act in deployed.acts(host)] == []
    assert deployed.locked() == []


def test_a_run_ends_as_it_ended_though_its_account_finds_no_room(
    deployed: Stage, small_disk: Callable[[str], Path]
) -> None:
    """The account is made again from the ledgers of the hosts, by the command that is printed."""
    disk = small_disk(ROOMY)
    deployed.nouns = {"report_artifacts": str(disk / "artifacts")}
    deployed.faults = {"h3": {"story_fills": {"observe.observe": str(disk)}}}
    assert deployed.run("-e release_version=1.1") != 0
    assert "the record of the run could not be written" in deployed.said()
    assert "the run itself ended as deployed" in deployed.said()
    assert deployed.live() == everywhere("1.1")
    assert deployed.locked() == []

    make_room(disk)
    assert deployed.run(playbook="playbooks/report.yml") == 0, deployed.said()
    assert deployed.record()["verdict"] == "deployed"


def test_a_controller_whose_disk_fills_up_still_takes_every_host_back(
    deployed: Stage, small_disk: Callable[[str], Path]
) -> None:
    disk = small_disk(ROOMY)
    deployed.environment = {"ANSIBLE_LOCAL_TEMP": str(disk)}
    deployed.nouns = {"report_artifacts": str(disk / "artifacts")}
    deployed.faults = {
        "h2": {"story_fills": {"restart.start": str(disk)}},
        "h3": {"story_fails": ["smoke.smoke"]},
    }
    assert deployed.run("-e release_version=1.1") != 0
    assert deployed.live() == everywhere("1.0"), deployed.said()
    assert "the run itself ended as restored" in deployed.said()
    assert deployed.locked() == []

    make_room(disk)
    assert deployed.run(playbook="playbooks/report.yml") == 0, deployed.said()
    assert deployed.record()["verdict"] == "restored"
