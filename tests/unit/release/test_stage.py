"""A release stands in its directory whole, read-only and verified, or not at all."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from pathlib import Path

import pytest

from stagegate.errors import Refused, StagegateError, StepFailed
from stagegate.ledger import read_ledger
from stagegate.release import archive
from stagegate.release.stage import stage
from tests.unit.release.helpers import FILES, Host, archive_bytes, tree


def rewrite(place: Path, data: bytes) -> None:
    """Change a staged file, as a person with root would."""
    place.chmod(0o644)
    place.write_bytes(data)
    place.chmod(0o444)


def test_unpacks_every_file_read_only(host: Host) -> None:
    result = stage(host.request("1.1", archive_bytes("1.1")), check_mode=False)
    place = host.root.release("1.1")
    assert result["changed"]
    assert {p: (place / p).read_bytes() for p in FILES} == FILES
    assert all(p.stat().st_mode & 0o222 == 0 for p in place.rglob("*"))
    assert stat.S_IMODE((place / "bin/abathur-api").stat().st_mode) == 0o555
    assert not host.root.link.exists()


def test_records_what_an_activation_and_a_rollback_need(host: Host) -> None:
    request = host.request("1.1", archive_bytes("1.1"))
    stage(request, check_mode=False)
    done = read_ledger(host.run.state / "ledger.jsonl").entries[-1]
    assert (done.phase, done.step, done.kind) == ("release", "stage", "done")
    assert done.state["path"] == str(host.root.release("1.1"))
    assert done.state["digest"] == request.release.digest
    assert len(done.state["manifest"]) == 64


def test_does_nothing_the_second_time(host: Host) -> None:
    request = host.request("1.1", archive_bytes("1.1"))
    stage(request, check_mode=False)
    inode = host.root.release("1.1").stat().st_ino
    assert not stage(request, check_mode=False)["changed"]
    assert host.root.release("1.1").stat().st_ino == inode


def test_says_in_check_mode_what_it_would_do(host: Host) -> None:
    request = host.request("1.1", archive_bytes("1.1"))
    before = tree(host.place)
    assert stage(request, check_mode=True)["changed"]
    assert tree(host.place) == before


def test_removes_what_a_killed_stage_left(host: Host) -> None:
    left = host.root.releases / ".staging-run-0"
    (left / "bin").mkdir(parents=True)
    (left / "bin" / "half").write_bytes(b"x")
    (left / "bin").chmod(0o555)
    stage(host.request("1.1", archive_bytes("1.1")), check_mode=False)
    assert not left.exists()


def test_sets_aside_a_directory_that_is_not_the_release(host: Host) -> None:
    request = host.request("1.1", archive_bytes("1.1"))
    stage(request, check_mode=False)
    rewrite(host.root.release("1.1") / "bin/abathur-api", b"edited")
    result = stage(request, check_mode=False)
    kept = Path(result["evidence"]["set_aside"])
    assert result["changed"]
    assert (kept / "bin/abathur-api").read_bytes() == b"edited"
    assert (host.root.release("1.1") / "bin/abathur-api").read_bytes() == FILES["bin/abathur-api"]
    assert "bin/abathur-api" in result["evidence"]["differences"]


def test_sets_aside_a_rebuilt_release_of_the_same_version(host: Host) -> None:
    stage(host.request("1.1", archive_bytes("1.1")), check_mode=False)
    rebuilt = archive_bytes("1.1", {"bin/abathur-api": b"rebuilt"})
    assert stage(host.request("1.1", rebuilt), check_mode=False)["evidence"]["set_aside"]
    assert (host.root.release("1.1") / "bin/abathur-api").read_bytes() == b"rebuilt"


def test_refuses_to_touch_a_live_release_that_differs(host: Host) -> None:
    request = host.request("1.1", archive_bytes("1.1"))
    stage(request, check_mode=False)
    host.root.link.symlink_to("releases/1.1")
    rewrite(host.root.release("1.1") / "bin/abathur-api", b"edited")
    with pytest.raises(Refused, match="bin/abathur-api has other content"):
        stage(request, check_mode=False)
    assert (host.root.release("1.1") / "bin/abathur-api").read_bytes() == b"edited"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_nothing_and_tells_the_figures(
    number: int, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(archive, "unpack_file", full)
    before = tree(host.place / "srv")
    with pytest.raises(StepFailed, match=r"\d+ bytes are needed, \d+ are free"):
        stage(host.request("1.1", archive_bytes("1.1")), check_mode=False)
    assert tree(host.place / "srv") == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_disk_that_is_really_full_leaves_nothing(host: Host) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", str(host.root.path)]
    subprocess.run(mount, check=True)
    try:
        host.root.releases.mkdir(mode=0o755)
        large = archive_bytes("1.1", {"lib/large": os.urandom(256 << 10)})
        with pytest.raises(StepFailed, match="no space left"):
            stage(host.request("1.1", large), check_mode=False)
        assert tree(host.root.releases) == []
    finally:
        subprocess.run(["umount", str(host.root.path)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_disk_that_is_full_beside_a_live_release_leaves_it_alone(host: Host) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k,mode=755", "tmpfs", str(host.root.path)]
    subprocess.run(mount, check=True)
    try:
        host.root.releases.mkdir(mode=0o755)
        stage(host.request("1.0", archive_bytes("1.0")), check_mode=False)
        host.root.link.symlink_to("releases/1.0")
        before = tree(host.root.path)
        large = archive_bytes("1.1", {**FILES, "lib/large": os.urandom(256 << 10)})
        with pytest.raises(StepFailed, match=r"\d+ bytes are needed, \d+ are free"):
            stage(host.request("1.1", large), check_mode=False)
        assert tree(host.root.path) == before
        assert (host.root.link / "bin/abathur-api").read_bytes() == FILES["bin/abathur-api"]
        assert read_ledger(host.run.state / "ledger.jsonl").entries[-1].kind == "failed"
    finally:
        subprocess.run(["umount", str(host.root.path)], check=True)


def test_any_other_failure_leaves_nothing(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("stagegate.release.archive.fsync_dir", broken)
    with pytest.raises(StagegateError, match="Input/output error"):
        stage(host.request("1.1", archive_bytes("1.1")), check_mode=False)
    assert tree(host.root.releases) == []
    assert read_ledger(host.run.state / "ledger.jsonl").entries[-1].kind == "failed"
