"""A tree is walked in one order, and what a copy could not stand for is refused by name."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from stagegate.errors import StepFailed
from stagegate.files_store.listing import differences, kind_of, lines_of
from stagegate.files_store.tree import DEPTH, leads_out, order, walk
from tests.unit.files_store.helpers import fill


@pytest.mark.parametrize(
    ("path", "link", "out"),
    [
        ("a", "b", False),
        ("a", "..", True),
        ("d/a", "..", False),
        ("d/a", "../..", True),
        ("d/a", "../e/../b", False),
        ("d/e/a", "./../../x", False),
        ("d/e/a", "b/../../../../x", True),
        ("a", "/etc/passwd", True),
        ("a", "nowhere//x", False),
    ],
)
def test_a_link_that_leads_out_is_known(path: str, link: str, out: bool) -> None:
    assert leads_out(path, link) is out


def hard_link(top: Path) -> None:
    os.link(top / "a.txt", top / "a" / "again")


def pipe(top: Path) -> None:
    os.mkfifo(top / "a" / "again")


def device(top: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root makes a device")
    os.mknod(top / "a" / "again", 0o600 | 0o020000, os.makedev(1, 3))


def listening(top: Path) -> None:
    here = Path.cwd()
    os.chdir(top / "a")  # the name of a socket is short
    try:
        socket.socket(socket.AF_UNIX).bind("again")
    finally:
        os.chdir(here)


def away(top: Path) -> None:
    (top / "a" / "again").symlink_to("/etc/passwd")


def climbing(top: Path) -> None:
    (top / "a" / "again").symlink_to("../../generations")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (hard_link, "has 2 hard links"),
        (pipe, "is a pipe"),
        (device, "is a device"),
        (listening, "is a socket"),
        (away, "leads out of the tree, to /etc/passwd"),
        (climbing, "leads out of the tree, to ../../generations"),
    ],
)
def test_what_a_copy_cannot_stand_for_is_refused(
    tmp_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    fill(tmp_path / "top")
    spoil(tmp_path / "top")
    with pytest.raises(StepFailed, match=words) as caught:
        list(walk(tmp_path / "top"))
    assert "/a/again" in caught.value.what or "/a.txt" in caught.value.what


def test_a_tree_that_is_too_deep_is_refused_before_the_descriptors_run_out(tmp_path: Path) -> None:
    place = tmp_path / "top"
    for _ in range(DEPTH + 2):
        place = place / "d"
    place.mkdir(parents=True)
    with pytest.raises(StepFailed, match=f"more than {DEPTH} directories deep"):
        list(walk(tmp_path / "top"))
    assert len(list(Path("/proc/self/fd").iterdir())) < DEPTH


def test_a_link_in_place_of_the_top_is_not_followed(tmp_path: Path) -> None:
    fill(tmp_path / "real")
    (tmp_path / "top").symlink_to("real")
    with pytest.raises((StepFailed, OSError)):
        list(walk(tmp_path / "top"))


def test_the_order_is_the_same_whatever_the_names(tmp_path: Path) -> None:
    fill(tmp_path / "top")
    paths = [entry.path for entry in walk(tmp_path / "top")]
    assert paths == sorted(paths, key=order)
    assert paths.index("a/two.txt") < paths.index("a.txt")
    assert "odd \n name\udcff" in paths


def rights(top: Path) -> None:
    (top / "a.txt").chmod(0o604)


def content(top: Path) -> None:
    (top / "a" / "deep" / "one.bin").write_bytes(bytes(256 * 40))


def leads_elsewhere(top: Path) -> None:
    (top / "link").unlink()
    (top / "link").symlink_to("a.txt")


def file_for_directory(top: Path) -> None:
    (top / "empty").rmdir()
    (top / "empty").write_bytes(b"")


def times(top: Path) -> None:
    os.utime(top / "a.txt", (1, 1))


@pytest.mark.parametrize(
    ("act", "found"),
    [
        (rights, ["changed a.txt"]),
        (content, ["changed a/deep/one.bin"]),
        (leads_elsewhere, ["changed link"]),
        (file_for_directory, ["changed empty"]),
        (times, []),
        (lambda top: (top / "a" / "deep" / "one.bin").unlink(), ["deleted a/deep/one.bin"]),
        (lambda top: (top / "a" / "0").write_text(""), ["added a/0"]),
        (lambda top: (top / "zz").mkdir(), ["added zz"]),
    ],
)
def test_what_differs_is_named(
    tmp_path: Path, act: Callable[[Path], object], found: list[str]
) -> None:
    for name in ("one", "two"):
        fill(tmp_path / name)
    act(tmp_path / "two")
    told = [
        f"{kind_of(old, new)} {(new or old or {})['path']}"
        for old, new in differences(lines_of(tmp_path / "one"), lines_of(tmp_path / "two"))
    ]
    assert told == found


def mounted(*argv: str) -> None:
    done = subprocess.run(["mount", *argv], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"this machine mounts nothing: {done.stderr.strip()}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.parametrize("what", ["a directory of the same disk", "one file", "a disk of its own"])
def test_what_is_mounted_into_a_tree_is_refused(tmp_path: Path, what: str) -> None:
    top, other = tmp_path / "a tree", tmp_path / "other"
    (top / "in side").mkdir(parents=True)
    (top / "a file").touch()
    other.mkdir()
    (other / "file").touch()
    argv, place = {
        "a directory of the same disk": (("--bind", str(other)), top / "in side"),
        "one file": (("--bind", str(other / "file")), top / "a file"),
        "a disk of its own": (("-t", "tmpfs", "none"), top / "in side"),
    }[what]
    mounted(*argv, str(place))
    try:
        with pytest.raises(StepFailed, match="it lies on another file system"):
            list(walk(top))
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_an_overlay_is_one_tree(tmp_path: Path) -> None:
    """On an overlay files and directories have different device numbers by nature."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted("-t", "tmpfs", "none", str(disk))
    places = {name: disk / name for name in ("lower", "upper", "work", "top")}
    try:
        for place in places.values():
            place.mkdir()
        (places["lower"] / "inside").mkdir()
        (places["lower"] / "inside" / "file").write_text("x")
        layers = "lowerdir={lower},upperdir={upper},workdir={work}".format(**places)
        mounted("-t", "overlay", "overlay", "-o", layers, str(places["top"]))
        try:
            (places["top"] / "inside" / "new").write_text("y")
            found = [entry.path for entry in walk(places["top"])]
        finally:
            subprocess.run(["umount", str(places["top"])], check=True)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert found == [".", "inside", "inside/file", "inside/new"]
