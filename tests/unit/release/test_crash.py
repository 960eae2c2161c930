"""Killed at any moment, a release stands whole under its name or not at all."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from stagegate.release.activate import activate, restore
from stagegate.release.links import read_target
from stagegate.release.request import Request
from stagegate.release.stage import stage
from stagegate.release.tree import verify_tree
from tests.unit.release.helpers import Host, archive_bytes, make_host

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace places the kills")

CALLS = "rename,renameat,renameat2,symlink,symlinkat,unlink,mkdir,fsync,fdatasync,chmod,fchmod"
ACT = """
import sys
from pathlib import Path
from stagegate.journal import Run
from stagegate.release.activate import activate, restore
from stagegate.release.links import Root
from stagegate.release.request import Release, Request
from stagegate.release.stage import stage
action, run, epoch, state, root, archive, version, digest = sys.argv[1:]
request = Request(
    Run(run, int(epoch), "abathur", "abathur1", Path(state)), "",
    Release(version, digest, "compatible"), Root(Path(root)), Path(archive),
)
{"stage": stage, "activate": activate, "restore": restore}[action](request, False)
"""


def act(action: str, request: Request, *options: str) -> int:
    """Do an action in a process of its own under strace; give its status, negative for a signal."""
    run, release = request.run, request.release
    argv = [
        *("strace", "-f", "-qq", f"--trace={CALLS}", *options),
        *(sys.executable, "-B", "-c", ACT, action, run.id, str(run.epoch), str(run.state)),
        *(str(request.root.path), str(request.archive), release.version, release.digest),
    ]
    return subprocess.run(argv, capture_output=True, check=False).returncode


def moments(action: str, request: Request, place: Path) -> list[str]:
    """A kill on entering each call that changes a name or reaches the disk, found by doing it."""
    log = place / "calls"
    assert act(action, request, "-o", str(log)) == 0
    calls = [line.split()[1].partition("(")[0] for line in log.read_text().splitlines()]
    seen: Counter[str] = Counter()
    kills = []
    for call in calls:
        seen[call] += 1
        kills.append(f"--inject={call}:signal=SIGKILL:when={seen[call]}")
    return kills


def fresh(tmp_path: Path, number: int) -> Host:
    """Another empty host."""
    place = tmp_path / f"host-{number}"
    place.mkdir()
    return make_host(place)


def test_a_killed_stage_never_leaves_part_of_a_release(tmp_path: Path) -> None:
    data = archive_bytes("1.1")
    kills = moments("stage", fresh(tmp_path, 0).request("1.1", data), tmp_path)
    assert len(kills) > 20
    for number, kill in enumerate(kills, start=1):
        host = fresh(tmp_path, number)
        request = host.request("1.1", data)
        assert act("stage", request, kill) == -9, kill
        place = host.root.release("1.1")
        if place.exists():
            assert verify_tree(place)[1] == [], kill
        stage(request, check_mode=False)
        assert verify_tree(place)[1] == []
        assert [p.name for p in host.root.releases.iterdir()] == ["1.1"]


@pytest.mark.parametrize("action", ["activate", "restore"])
def test_a_killed_switch_leaves_one_release_live_and_can_be_undone(
    action: str, tmp_path: Path
) -> None:
    kills = moments(action, upgraded(tmp_path, 0, action), tmp_path)
    assert len(kills) > 5
    for number, kill in enumerate(kills, start=1):
        request = upgraded(tmp_path, number, action)
        assert act(action, request, kill) == -9, kill
        assert read_target(request.root) in ("releases/1.0", "releases/1.1"), kill
        if action == "activate":
            activate(request, check_mode=False)
            assert read_target(request.root) == "releases/1.1"
        restore(request, check_mode=False)
        assert read_target(request.root) == "releases/1.0"


def upgraded(tmp_path: Path, number: int, action: str) -> Request:
    """A host with 1.0 live, 1.1 staged, and, before a restore, live."""
    first = fresh(tmp_path, number)
    for version, run in (("1.0", "run-2"), ("1.1", "run-3")):
        host = first.begin(run)
        host.raise_guard()
        request = host.request(version, archive_bytes(version))
        stage(request, check_mode=False)
        if version == "1.0" or action == "restore":
            activate(request, check_mode=False)
    return request
