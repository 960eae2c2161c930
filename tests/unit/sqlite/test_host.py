"""What the driver knows of processes and file systems, from the kernel's own tables."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stagegate.errors import Refused, StepFailed
from stagegate.sqlite.openers import find_openers, identities
from stagegate.store.copying import copy_file, digest_file
from stagegate.store.openers import Opener, find_holders, mapped_file
from stagegate.store.space import Need, file_system, refuse_network, refuse_shortage
from tests.unit.sqlite.helpers import HOLDER, Site, process

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:26 / /srv rw,nosuid - tmpfs tmpfs rw
31 22 0:27 / /srv/data\\040dir rw shared:5 master:1 - nfs4 server:/x rw
32 22 0:28 / /var/lib rw - fuse.sshfs user@host: rw
33 22 0:29 / /mnt rw - ext4 /dev/sdb rw
34 33 0:30 / /mnt rw - cifs //server/share rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/etc/passwd", "ext4"),
        ("/srv/x", "tmpfs"),
        ("/srv/data dir/x", "nfs4"),
        ("/srvdata", "ext4"),
        ("/var/lib/abathur", "fuse.sshfs"),
        ("/mnt/x", "cifs"),
    ],
)
def test_finds_the_file_system_of_a_path(path: str, kind: str) -> None:
    assert file_system(MOUNTS, Path(path)) == kind


def test_refuses_the_network(tmp_path: Path) -> None:
    mounts = MOUNTS + f"40 22 0:40 / {tmp_path} rw - nfs server:/x rw\n"
    with pytest.raises(Refused, match="is on nfs: SQLite cannot rely on the locks"):
        refuse_network(tmp_path / "not" / "there" / "yet", mounts)
    assert refuse_network(tmp_path.parent, mounts) == "ext4"


def test_adds_up_what_goes_to_the_same_disk(small_disk: Callable[[str], Path]) -> None:
    place = small_disk("size=10m")
    needs = [Need(place / "a", 4 << 20), Need(place / "b", 4 << 20)]
    refuse_shortage(needs, reserve=1 << 20)
    with pytest.raises(Refused, match=r"needed 11534336 bytes \(11 MB\), free \d+ bytes"):
        refuse_shortage(needs, reserve=3 << 20)
    refuse_shortage([needs[0], Need(small_disk("size=10m"), 8 << 20)], reserve=1 << 20)


def test_finds_the_process_by_its_descriptors(site: Site) -> None:
    with process(HOLDER, str(site.live), "SELECT 1", "SELECT * FROM entries") as holder:
        found = find_openers(site.old)
    assert [opener.pid for opener in found] == [holder.pid]
    assert "python" in found[0].command
    assert str(site.old) in str(found[0])


def test_finds_it_whatever_the_name(site: Site) -> None:
    with process(HOLDER, str(site.live), "SELECT 1", "SELECT * FROM entries") as holder:
        moved = site.old.rename(site.place / "moved.db")
        assert [opener.pid for opener in find_openers(moved)] == [holder.pid]


MAPPER = """
import ctypes, os, sys, time
f = os.open(sys.argv[1], os.O_RDONLY)
libc = ctypes.CDLL(None, use_errno=True)  # the mmap module would keep a descriptor of its own
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
assert libc.mmap(None, 4096, 1, 1, f, 0) != ctypes.c_void_p(-1).value
os.close(f)
print("ready", flush=True)
time.sleep(600)
"""


def test_finds_a_mapping_without_a_descriptor(site: Site) -> None:
    with process(MAPPER, str(site.old)) as holder:
        assert [opener.pid for opener in find_openers(site.old)] == [holder.pid]


def test_nobody_is_found_where_nobody_is(site: Site) -> None:
    assert find_openers(site.old) == []
    assert find_openers(site.place / "missing.db") == []


def test_finds_not_itself(site: Site) -> None:
    with site.old.open("rb"):
        assert find_openers(site.old) == []


def test_a_mapping_is_found_by_path_where_the_device_differs() -> None:
    line = "7f00-7f10 r--s 00000000 00:99 4711                 /data/app.db-shm"
    assert mapped_file(line, {(1, 4711): "/data/app.db-shm"}) == "/data/app.db-shm"
    assert mapped_file(line, {(os.makedev(0, 0x99), 4711): "/other"}) == "/other"
    assert mapped_file(line, {(1, 4711): "/other"}) == ""
    assert mapped_file("7f00-7f10 r--s 00000000 00:99 0 ", {(1, 0): "x"}) == ""


def test_a_command_line_cannot_act_on_a_terminal(tmp_path: Path) -> None:
    proc, database = tmp_path / "proc", tmp_path / "a.db"
    database.write_bytes(b"x")
    (proc / "4711" / "fd").mkdir(parents=True)
    (proc / "4711" / "fd" / "3").symlink_to(database)
    (proc / "4711" / "cmdline").write_bytes(b"evil\x1b[2J\0--now\xff\0" + b"x" * 999)
    found = find_holders(identities(database), proc)
    assert found == [Opener(4711, found[0].command, str(database))]
    assert found[0].command.startswith("evil?[2J --now")
    assert len(found[0].command) == 160


def test_knows_all_four_files(site: Site) -> None:
    for ending in ("-wal", "-shm", "-journal"):
        site.old.with_name("app.db" + ending).touch()
    assert len(identities(site.live)) == 4


def test_copies_whole_files_across_file_systems(
    tmp_path: Path, small_disk: Callable[[str], Path]
) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(3_000_001))
    target = small_disk("size=8m") / "target"
    copy_file(source, target)
    assert digest_file(source, twin=target) == digest_file(target)
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_copy_without_room_leaves_nothing(
    tmp_path: Path, small_disk: Callable[[str], Path]
) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(3_000_000))
    target = small_disk("size=1m") / "target"
    with pytest.raises(OSError, match="No space"):
        copy_file(source, target)
    assert not target.exists()


def test_copies_without_help_from_the_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> int:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", refuses)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(2_500_000))
    copy_file(source, target)
    assert target.read_bytes() == source.read_bytes()


def test_copies_over_nothing_and_through_no_link(tmp_path: Path) -> None:
    source, other = tmp_path / "source", tmp_path / "other"
    source.write_bytes(b"new")
    other.write_bytes(b"old")
    (tmp_path / "link").symlink_to(other)
    for target in (other, tmp_path / "link"):
        with pytest.raises(FileExistsError):
            copy_file(source, target)
    with pytest.raises(StepFailed, match="it is a link"):
        copy_file(tmp_path / "link", tmp_path / "third")
    assert other.read_bytes() == b"old"


def test_twins_that_differ_are_no_twins(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"x" * 2_000_000)
    for raw in (b"x" * 1_999_999 + b"y", b"x" * 2_000_001, b"x" * 1_999_999, b""):
        two.write_bytes(raw)
        with pytest.raises(StepFailed, match="of which it is a copy"):
            digest_file(one, twin=two)


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from pathlib import Path; "
         "from stagegate.store.copying import digest_file; digest_file(Path(sys.argv[1]))",
         str(tmp_path / "pipe")],
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert "is not an ordinary file" in done.stderr
