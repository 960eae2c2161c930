"""Pruning never takes a release that a rollback could need."""

from __future__ import annotations

import os

from stagegate.release.activate import activate
from stagegate.release.prune import prune
from stagegate.release.request import Request
from stagegate.release.stage import stage
from tests.unit.release.helpers import Host, archive_bytes


def release_many(host: Host, count: int) -> tuple[Host, Request]:
    """A host that went through releases 1.0, 1.1, ... one run each."""
    for number in range(count):
        host = host.begin(f"run-{number}")
        host.raise_guard()
        request = host.request(f"1.{number}", archive_bytes(f"1.{number}"))
        stage(request, check_mode=False)
        os.utime(host.root.release(f"1.{number}"), ns=(number, number))
        activate(request, check_mode=False)
    return host, request


def test_keeps_the_newest_and_removes_the_rest(host: Host) -> None:
    last, request = release_many(host, 8)
    result = prune(request, check_mode=False)
    assert result["removed"] == ["1.2", "1.1", "1.0"]
    names = sorted(p.name for p in last.root.releases.iterdir())
    assert names == ["1.3", "1.4", "1.5", "1.6", "1.7"]
    assert not prune(request, check_mode=False)["changed"]


def test_keeps_the_live_one_and_the_one_before_it_however_old(host: Host) -> None:
    last, request = release_many(host, 8)
    for age, version in enumerate(["1.7", "1.6"]):
        os.utime(last.root.release(version), ns=(-1 - age, -1 - age))
    result = prune(request, check_mode=False)
    assert {"1.7", "1.6"} <= set(result["kept"])
    assert len(result["kept"]) == 7


def test_check_mode_names_them_and_removes_nothing(host: Host) -> None:
    last, request = release_many(host, 8)
    assert prune(request, check_mode=True)["removed"] == ["1.2", "1.1", "1.0"]
    assert len(list(last.root.releases.iterdir())) == 8


def test_removes_the_copied_archives_of_removed_releases(host: Host) -> None:
    last, request = release_many(host, 8)
    folder = last.run.state / "artifacts"
    folder.mkdir()
    live, gone = (folder / f"{name}.tar" for name in (request.release.digest[7:], "0" * 64))
    live.touch()
    gone.touch()
    prune(request, check_mode=False)
    assert [p.name for p in folder.iterdir()] == [live.name]


def test_removes_nothing_while_nothing_is_live(host: Host) -> None:
    for number in range(7):
        version = f"1.{number}"
        request = host.request(version, archive_bytes(version))
        stage(request, check_mode=False)
    assert not prune(request, check_mode=False)["changed"]
    assert len(list(host.root.releases.iterdir())) == 7
