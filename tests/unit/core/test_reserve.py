"""A run that begins owns the room that its way back needs, and a full disk does not bar it."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from stagegate import conduct, reopening
from stagegate.errors import Refused, StagegateError
from stagegate.files import switch_link
from stagegate.journal import Run, open_journal
from stagegate.ledger import read_ledger
from stagegate.lock import Lock
from stagegate.reserve import NAME, SIZE

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")

ROOT = Path(__file__).resolve().parents[3]
PLAN = {"kind": "deploy", "from": "1.0", "to": "1.1", "migration_class": "compatible"}
OWNER = {"operator": "night", "controller": "c1", "controller_id": "c1/boot/1/2"}


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A place that stays where it is when something is mounted on /tmp."""
    with tempfile.TemporaryDirectory(prefix="stagegate-", dir="/dev/shm") as place:
        yield Path(place)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with a file system of its own, with room for the reserve and a few megabytes more."""
    image, place = tmp_path / "image", tmp_path / "disk"
    place.mkdir()
    with image.open("wb") as out:
        out.truncate(SIZE + (8 << 20))
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(disk: Path) -> None:
    """Write until not a block is free any more, as a release that logs too much does."""
    for number in itertools.count():
        with suppress(OSError), (disk / f"noise-{number}.log").open("ab", buffering=0) as noise:
            while True:
                noise.write(b"x" * 4096)
        os.sync()  # what the file system had put by for blocks not yet placed is free again
        if not os.statvfs(disk).f_bavail:
            return


def begin(disk: Path) -> Run:
    """A run that has switched the live link."""
    run = Run("run-1", 0, "demo", "host1", disk / "state", False)
    epoch = conduct.open_run(run, PLAN, OWNER, resume=False)
    held = Run("run-1", epoch, "demo", "host1", disk / "state")
    for phase, name in (("quiesce", "hold"), ("restart", "activate_release")):
        with open_journal(held) as journal, journal.step(phase, name) as step:
            switch_link(disk / "current", f"releases/{PLAN['to']}")
            step.done()
    return held


def go_back(run: Run, disk: Path) -> None:
    """What a rollback writes: its entries, a link, and the end of the run."""
    held, way = reopening.reopen_run(run, OWNER, False)
    with open_journal(held) as journal, journal.step("rollback", "restore_release") as step:
        switch_link(disk / "current", f"releases/{way['to']}")
        step.done()
    conduct.close_run(held, "restored", {})


def test_a_disk_that_the_release_filled_does_not_bar_the_way_back(disk: Path) -> None:
    run = begin(disk)
    assert (run.state / NAME).stat().st_blocks * 512 >= SIZE
    fill(disk)
    with pytest.raises((OSError, StagegateError), match="No space left"), open_journal(run):
        pass
    go_back(run, disk)
    entries = read_ledger(run.state / "ledger.jsonl").entries
    assert [e.step for e in entries[-2:]] == ["restore_release", "close"]
    assert str((disk / "current").readlink()) == "releases/1.0"
    assert Lock(run.state).owner() is None


def test_without_the_reserve_the_full_disk_would_bar_it(disk: Path) -> None:
    run = begin(disk)
    (run.state / NAME).unlink()
    fill(disk)
    with pytest.raises((OSError, StagegateError), match="No space left"):
        go_back(run, disk)
    assert str((disk / "current").readlink()) == "releases/1.1"


PLAY = """
- hosts: localhost
  gather_facts: false
  environment: {TMPDIR: /tmp}
  vars: {stagegate_run: {id: run-1, epoch: 1, system: demo, host: host1, state: STATE}}
  tasks:
    - reserve_free: {state: "{{ stagegate_run.state }}"}
      when: first
    - run_ledger: {action: reopen, run: "{{ stagegate_run }}", owner: {operator: night}}
"""


@pytest.mark.parametrize("first", [True, False])
def test_ansible_itself_can_work_again_once_the_room_is_free(disk: Path, first: bool) -> None:
    """On a host with one disk not even a module can be unpacked; the controller has its own."""
    run = begin(disk)
    place = disk.parent
    (disk / "play.yml").write_text(PLAY.replace("STATE", str(run.state)))
    fill(disk)
    playbook = [str(Path(sys.executable).with_name("ansible-playbook")), str(disk / "play.yml")]
    playbook += ["-i", "localhost,", "-c", "local", "-e", json.dumps({"first": first})]
    playbook += ["-e", f"ansible_python_interpreter={sys.executable}"]
    mounted = f"mount --bind {disk} /tmp && mount --bind {disk} /var/tmp && cd /tmp && exec "
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mounted + shlex.join(playbook)],
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_STDOUT_CALLBACK": "default",
            "ANSIBLE_LOCAL_TEMP": str(place / "controller"),
            "HOME": str(place),
            "TMPDIR": str(place),
        },
        capture_output=True,
        text=True,
    )
    said = done.stdout + done.stderr
    steps = [e.step for e in read_ledger(run.state / "ledger.jsonl").entries]
    assert (done.returncode == 0, steps[-1] == "reopen") == (first, first), said
    assert first or ("localhost" in said and "No usable temporary directory" in said), said


def test_a_run_that_finds_no_room_is_refused_before_it_takes_the_system(disk: Path) -> None:
    (disk / "state").mkdir()
    (disk / "ballast").write_bytes(b"x" * (8 << 20))
    with pytest.raises(Refused, match="no room for the way back: 16777216 bytes") as refused:
        begin(disk)
    assert (refused.value.code, refused.value.now) == (10, "nothing was changed")
    assert Lock(disk / "state").owner() is None
    assert not (disk / "state" / NAME).exists()
    (disk / "ballast").unlink()
    assert begin(disk).epoch == 1


@pytest.mark.parametrize("verdict", ["deployed", "restored", "refused"])
def test_the_end_of_a_run_gives_the_room_back(disk: Path, verdict: str) -> None:
    run = begin(disk)
    conduct.close_run(run, verdict, {})
    assert not (run.state / NAME).exists()
