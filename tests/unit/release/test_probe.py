"""A host is probed for whatever would make the way forward or back fail."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace

import pytest

from stagegate.errors import Refused
from stagegate.release.activate import activate
from stagegate.release.probe import probe
from stagegate.release.request import Request
from stagegate.release.stage import stage
from tests.unit.release.helpers import Host, archive_bytes, tree


@pytest.fixture
def request_(host: Host) -> Request:
    """A host with 1.0 live, asked about 1.1."""
    first = host.request("1.0", archive_bytes("1.0"))
    stage(first, check_mode=False)
    host.raise_guard()
    activate(first, check_mode=False)
    return host.begin("run-2").request("1.1", archive_bytes("1.1"))


def test_tells_the_verified_live_release_and_the_room(host: Host, request_: Request) -> None:
    before = tree(host.place)
    found = probe(request_, check_mode=False)
    assert found["live"] == {
        "version": "1.0",
        "path": str(host.root.release("1.0")),
        "verified": True,
    }
    assert found["staged"] == ["1.0"]
    assert found["space"]["free_bytes"] > 0
    assert tree(host.place) == before


def test_an_empty_host_has_no_live_release(host: Host) -> None:
    host.root.releases.rmdir()
    found = probe(host.request("1.0", archive_bytes("1.0")), check_mode=False)
    assert found["live"] == "absent"


def test_names_what_a_killed_stage_left(host: Host, request_: Request) -> None:
    (host.root.releases / ".staging-run-0").mkdir()
    assert probe(request_, check_mode=False)["partial"] == [".staging-run-0"]


@pytest.mark.parametrize("kind", ["directory", "file", "dangling", "outside", "absolute", "nested"])
def test_refuses_a_live_link_that_is_not_ours(kind: str, host: Host, request_: Request) -> None:
    host.root.link.unlink()
    targets = {
        "dangling": "releases/9.9",
        "outside": "../elsewhere",
        "absolute": "/srv/elsewhere",
        "nested": "releases/1.0/bin",
    }
    if kind == "directory":
        host.root.link.mkdir()
    elif kind == "file":
        host.root.link.write_text("1.0")
    else:
        host.root.link.symlink_to(targets[kind])
    with pytest.raises(Refused, match="current"):
        probe(request_, check_mode=False)


def test_refuses_an_edited_live_release_and_names_the_files(host: Host, request_: Request) -> None:
    place = host.root.release("1.0") / "bin/abathur-api"
    place.chmod(0o755)
    place.write_bytes(b"edited")
    with pytest.raises(Refused, match="bin/abathur-api has mode 0755; bin/abathur-api has other"):
        probe(request_, check_mode=False)


@pytest.mark.parametrize("which", ["path", "releases"])
def test_refuses_a_root_that_others_may_write_to(which: str, host: Host, request_: Request) -> None:
    getattr(host.root, which).chmod(0o777)
    with pytest.raises(Refused, match="written to by others"):
        probe(request_, check_mode=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_refuses_a_root_that_the_services_own(host: Host, request_: Request) -> None:
    os.chown(host.root.releases, 65534, 65534)
    with pytest.raises(Refused, match="belongs to the service user nobody"):
        probe(replace(request_, service_user="nobody"), check_mode=False)


@pytest.mark.parametrize("need", [{"need_bytes": 1 << 60}, {"need_files": 1 << 60}])
def test_refuses_a_release_that_does_not_fit(need: dict[str, int], request_: Request) -> None:
    with pytest.raises(Refused, match="does not fit"):
        probe(replace(request_, **need), check_mode=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
@pytest.mark.parametrize(
    ("options", "words"),
    [("size=200m,mode=755,nr_inodes=12", "inodes, "), ("size=200m,mode=755", "Read-only")],
)
def test_a_file_system_without_inodes_or_read_only_is_refused_though_it_has_room(
    options: str, words: str, host: Host, request_: Request
) -> None:
    root = str(host.root.path)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", root], check=True)
    try:
        host.root.releases.mkdir(mode=0o755)
        if "nr_inodes" not in options:
            subprocess.run(["mount", "-o", "remount,ro", root], check=True)
        with pytest.raises(Refused, match=words) as refusal:
            probe(replace(request_, need_bytes=1 << 20, need_files=20), check_mode=False)
        assert " bytes" not in refusal.value.what
        assert refusal.value.code == 10
    finally:
        subprocess.run(["umount", root], check=True)
