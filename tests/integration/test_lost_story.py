"""The scenario table of hosts that are lost, cut off, slow or not what they must be."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.story.stage import HOSTS, Stage


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    stage = Stage(tmp_path_factory.mktemp("first"))
    assert stage.run("-e release_version=1.0") == 0, stage.said()
    return stage


@pytest.fixture
def deployed(first: Stage, tmp_path: Path) -> Stage:
    """Three hosts with 1.0 live: the state that the first deployment left, copied."""
    home = tmp_path / "stage"
    shutil.copytree(first.home, home, ignore=shutil.ignore_patterns("runner"))
    return Stage(home)


def everywhere(version: str) -> dict[str, str]:
    return dict.fromkeys(HOSTS, version)


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


def test_a_host_that_is_lost_before_it_gave_its_lock_takes_no_other_lock(deployed: Stage) -> None:
    """The first host has given its lock when the second is lost: nobody would ever free it."""
    taken = str(deployed.home / "h1/state/demo/lock")
    deployed.faults = {"h2": {"story_lost_with": taken}}
    assert deployed.run("-e release_version=1.1") != 0
    assert touched(deployed) == []
    assert deployed.live() == everywhere("1.0")
    assert deployed.locked() == []
