"""A backup of a tree is one that was restored and compared, or it is none."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stagegate.errors import BadInput, Refused, StagegateError, StepFailed
from stagegate.files_store import copying
from stagegate.files_store.copying import copy_tree
from tests.unit.files_store.helpers import fill, make_host
from tests.unit.plain.host import Host, process, tree


def test_the_backup_and_its_drilled_copy_are_the_tree(host: Host) -> None:
    before = tree(host.old)
    state = host.do("backup")["state"]
    assert tree(host.backup / "files") == before == tree(host.drilled) == tree(host.old)
    manifest = json.loads((host.backup / "manifest.json").read_text())
    assert (manifest["count"], manifest["detail"]["steady"]) == (11, True)
    assert host.do("verify")["evidence"]["sha256"] == state["sha256"]


def test_times_are_copied(host: Host) -> None:
    os.utime(host.old / "a", ns=(5, 7_000_000_001))
    host.do("backup")
    assert (host.backup / "files" / "a").stat().st_mtime_ns == 7_000_000_001


def test_the_account_of_migrations_goes_with_it(host: Host) -> None:
    (host.old.parent / ".migrations.json").write_text('{"applied": []}')
    host.do("backup")
    assert (host.drilled.parent / ".migrations.json").read_text() == '{"applied": []}'
    (host.backup / ".migrations.json").write_text('{"applied":[]}')
    with pytest.raises(StepFailed, match=r"\.migrations\.json is not the one"):
        host.do("verify")


def test_a_first_install_has_nothing_to_back_up(tmp_path: Path) -> None:
    host = Host(tmp_path, "files", "files")
    assert host.do("backup")["state"] == {"absent": True}
    assert host.drilled.is_dir(), "a first release rehearses its migrations here"


def changed_byte(backup: Path) -> None:
    (backup / "files" / "a" / "deep" / "one.bin").write_bytes(bytes(256 * 40))


def changed_rights(backup: Path) -> None:
    (backup / "files" / "a.txt").chmod(0o777)


def gone(backup: Path) -> None:
    (backup / "files" / "a.txt").unlink()


def one_more(backup: Path) -> None:
    (backup / "files" / "a" / "new").write_text("")


def stranger(backup: Path) -> None:
    (backup / "stranger").write_text("")


def listing_gone(backup: Path) -> None:
    (backup / "listing.jsonl").unlink()


def listing_forged(backup: Path) -> None:
    lines = (backup / "listing.jsonl").read_text().splitlines(keepends=True)
    (backup / "listing.jsonl").write_text("".join(line for line in lines if "a.txt" not in line))
    gone(backup)


def other_manifest(backup: Path) -> None:
    manifest = json.loads((backup / "manifest.json").read_text())
    (backup / "manifest.json").write_text(json.dumps({**manifest, "sha256": "0" * 64}))


def no_manifest(backup: Path) -> None:
    (backup / "manifest.json").unlink()


def torn_manifest(backup: Path) -> None:
    (backup / "manifest.json").write_text((backup / "manifest.json").read_text()[:-9])


def link_for_tree(backup: Path) -> None:
    (backup / "files").rename(backup.parent / "elsewhere")
    (backup / "files").symlink_to("../elsewhere")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (changed_byte, "a/deep/one.bin in it is changed"),
        (changed_rights, "a.txt in it is changed"),
        (gone, "a.txt in it is deleted"),
        (one_more, "a/new in it is added"),
        (stranger, "not in its manifest: .'stranger'"),
        (listing_gone, "listing.jsonl is not the listing that was kept: it is missing"),
        (listing_forged, "is not the listing that was kept: its digest is"),
        (other_manifest, "its manifest says 0000"),
        (no_manifest, "it was never finished"),
        (torn_manifest, "its manifest is damaged"),
        (link_for_tree, "is not a directory"),
    ],
)
def test_a_backup_that_was_tampered_with_is_not_used(
    host: Host, spoil: Callable[[Path], None], words: str
) -> None:
    host.do("backup")
    spoil(host.backup)
    with pytest.raises(StepFailed, match=words) as caught:
        host.do("verify")
    assert caught.value.untouched == "the live data"
    with pytest.raises(StagegateError, match=words):
        host.do("verify", phase="rollback")


CHANGER = """
import os, sys
out = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
print("ready", flush=True)
while True:
    os.write(out, b"x")
"""


def test_a_file_that_never_holds_still_is_told(host: Host) -> None:
    with (host.old / "a.txt").open("wb") as out:
        out.truncate(16 << 20)  # large enough that the writer has its turn
    with (
        process(CHANGER, str(host.old / "a.txt")),
        pytest.raises(StepFailed, match=r"a\.txt .* changed each of the 3 times"),
    ):
        host.do("backup")
    assert not host.backup.exists()
    (host.old / "a.txt").write_text("short again")
    assert host.do("backup")["evidence"]["steady"], "and now it does"


def test_a_file_that_changes_once_is_copied_again(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write falls between the first copy of its bytes and the second look at the file."""
    whole = copying.copy_bytes
    seen: list[Path] = []

    def meddling(reading: int, target: Path, watch: Callable[[], None]) -> tuple[str, int]:
        copied = whole(reading, target, watch)
        if target.name == "a.txt":
            seen.append(target)
            if len(seen) == 1:
                (host.old / "a.txt").write_text("second")
        return copied

    monkeypatch.setattr(copying, "copy_bytes", meddling)
    copy_tree(host.old, tmp_path / "copy", lambda: None, live=True)
    assert len(seen) == 2
    assert (tmp_path / "copy" / "a.txt").read_text() == "second"


COMER_AND_GOER = """
import os, sys
print("ready", flush=True)
n = 0
while True:
    path = f"{sys.argv[1]}/t{n % 50}"
    open(path, "w").close()
    os.unlink(path)
    n += 1
"""


def test_names_that_come_and_go_are_no_failure(host: Host) -> None:
    with process(COMER_AND_GOER, str(host.old / "a")):
        for n in range(5):
            again = Host(host.place, "files", "files", run_id=f"run-{n}")
            again.do("probe")
            again.do("backup")


def test_a_finished_backup_is_not_written_over(host: Host) -> None:
    host.do("backup")
    earlier = (host.backup / "manifest.json").read_bytes()
    assert host.do("backup")["state"]["absent"] is False, "the same run trusts its own"
    assert (host.backup / "manifest.json").read_bytes() == earlier
    (host.backup / "manifest.json").unlink()
    (host.backup / "pinned").touch()
    with pytest.raises(BadInput, match="holds a finished backup"):
        host.do("backup")


def test_no_room_is_told_before_a_byte_is_written(
    tmp_path: Path, small_disk: Callable[[str], Path]
) -> None:
    host = make_host(tmp_path)
    (host.old / "large").write_bytes(b"x" * (6 << 20))
    host.state.symlink_to(small_disk("size=10m"))
    with pytest.raises(Refused, match=r"not enough space .* needed \d+ bytes"):
        host.do("backup")
    assert not host.backup.exists()


def test_no_inodes_are_told_before_a_byte_is_written(
    tmp_path: Path, small_disk: Callable[[str], Path]
) -> None:
    host = make_host(tmp_path)
    for n in range(200):
        (host.old / "a" / str(n)).touch()
    host.state.symlink_to(small_disk("size=50m,nr_inodes=300"))
    with pytest.raises(Refused, match=r"not enough inodes .* needed \d{3}, free"):
        host.do("backup")
    with pytest.raises(Refused, match="not enough inodes"):
        host.do("probe")


def test_a_disk_that_fills_up_meanwhile_leaves_no_half_backup(
    tmp_path: Path, small_disk: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = make_host(tmp_path)
    (host.old / "large").write_bytes(b"x" * (6 << 20))
    host.state.symlink_to(small_disk("size=8m"))
    monkeypatch.setattr("stagegate.plain.backup.refuse_shortage", lambda *_: None)
    with pytest.raises(StepFailed, match=r"the disk fills up|No space left"):
        host.do("backup")
    assert not host.backup.exists()
    assert (host.old / "large").stat().st_size == 6 << 20


def test_a_copy_has_a_deadline(host: Host) -> None:
    host.options["backup_deadline"] = 1e-9
    with pytest.raises(StepFailed, match="not finished within its deadline"):
        host.do("backup")
    assert not host.backup.exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from stagegate.files_store import copying
from tests.unit.plain.host import Host
whole = copying.dress
def dying(target, entry):
    whole(target, entry)
    if entry.name == "two.txt":
        os.kill(os.getpid(), signal.SIGKILL)
copying.dress = dying
Host(Path(sys.argv[1]), "files", "files").do("backup")
"""


def test_killed_in_the_middle_there_is_no_backup_and_the_next_try_makes_one(host: Host) -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", KILLED, str(host.place)], cwd=root)
    assert done.returncode == -signal.SIGKILL
    assert (host.backup / "files.partial" / "a" / "two.txt").exists()
    with pytest.raises(StepFailed, match="it was never finished"):
        host.do("verify")
    host.do("backup")
    host.do("verify")
    assert host.kinds("store:facts") == ["intent", "intent", "done"]


def test_a_new_generation_can_be_made_from_a_backup(host: Host) -> None:
    host.do("backup")
    before = tree(host.old)
    shutil.rmtree(host.old / "a")
    later = Host(host.place, "files", "files", run_id="20261122T090000Z-eeee")
    later.do("stage", directory=str(host.backup))
    later.do("seal")
    later.guard()
    later.do("activate")
    assert tree(later.live.resolve()) == before


def test_a_tree_of_large_files_costs_one_chunk_of_memory(tmp_path: Path) -> None:
    fill(tmp_path / "top")
    with (tmp_path / "top" / "large").open("wb") as out:
        out.truncate(300 << 20)
    program = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from stagegate.files_store.listing import read_tree\n"
        "resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))\n"
        "print(read_tree(Path(sys.argv[1])).bytes)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "top")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 300 << 20


def test_errors_of_the_disk_are_told_not_raised(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(place: Path) -> None:
        raise OSError(errno.EIO, "Input/output error", str(place))

    monkeypatch.setattr(copying, "sync_file_system", failing)
    with pytest.raises(StepFailed, match="Input/output error"):
        host.do("backup")
    assert not host.backup.exists()
