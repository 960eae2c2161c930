"""What preflight refuses of a store of files, before anything changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stagegate.errors import BadInput, Refused
from tests.unit.files_store.helpers import make_host
from tests.unit.plain.host import OLD, Host, tree


def test_tells_what_is_there_and_changes_nothing(host: Host) -> None:
    before = tree(host.place)
    found = host.do("probe")["evidence"]
    assert found["state"] == "generation"
    assert found["names"] == {"file": 5, "directory": 5, "link": 2}
    assert tree(host.place) == before
    assert host.do("probe", check_mode=True)["evidence"] == found


def data_beside(host: Host) -> None:
    host.link.unlink()
    shutil.rmtree(host.data / "generations")
    (host.data / "files").mkdir()


def data_in_generations(host: Host) -> None:
    host.link.unlink()


def dangling(host: Host) -> None:
    shutil.rmtree(host.old.parent)


def real_directory(host: Host) -> None:
    host.link.unlink()
    host.old.parent.rename(host.link)


def file_for_tree(host: Host) -> None:
    shutil.rmtree(host.old)
    host.old.write_text("")


def stranger(host: Host) -> None:
    (host.old.parent / "other").mkdir()


def mistyped(host: Host) -> None:
    host.old.rename(host.old.with_name("fils"))


def hard_link(host: Host) -> None:
    os.link(host.old / "a.txt", host.old / "b.txt")


def damaged_account(host: Host) -> None:
    (host.old.parent / ".migrations.json").write_text("{")


def planted_account(host: Host) -> None:
    (host.old.parent / ".migrations.json").symlink_to("/etc/passwd")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (data_beside, "refuse to initialise over existing data"),
        (data_in_generations, "refuse to initialise over existing data"),
        (dangling, "dangles"),
        (real_directory, "is a directory, not a link to a generation"),
        (file_for_tree, "is not a directory"),
        (stranger, "holds more than files: other"),
        (mistyped, "there is no files in .*, but fils; is the path mistyped"),
        (hard_link, r"stores\.facts: .* has 2 hard links"),
        (planted_account, "it is a link"),
    ],
)
def test_refuses_before_anything_changed(
    host: Host, spoil: Callable[[Host], None], words: str
) -> None:
    spoil(host)
    before = tree(host.place)
    with pytest.raises(Refused, match=words) as caught:
        host.do("probe")
    assert (caught.value.code, caught.value.now) == (10, "nothing was changed")
    assert tree(host.place) == before


def test_an_account_that_is_damaged_is_bad_input(host: Host) -> None:
    damaged_account(host)
    with pytest.raises(BadInput, match="cannot be relied on"):
        host.do("probe")


def test_knows_a_store_that_moved(host: Host) -> None:
    host.deploy()
    moved = Host(
        host.place, "files", "files", options={"path": str(host.place / "b/current/files")}
    )
    with pytest.raises(Refused, match="the ledger knows this store at"):
        moved.do("probe")


def test_refuses_a_disk_that_is_read_only(
    tmp_path: Path, small_disk: Callable[[str], Path]
) -> None:
    host = make_host(tmp_path)
    disk = small_disk("size=10m")
    host.state.symlink_to(disk)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(Refused, match="cannot be written"):
        host.do("probe")


ORDINARY = """
import os, sys
from pathlib import Path
from stagegate.errors import Refused
from tests.unit.plain.host import Host
os.setgid(65534); os.setuid(65534)
try:
    Host(Path(sys.argv[1]), "files", "files").do("probe", check_mode=True)
except Refused as error:
    print(error.what)
"""


def test_refuses_files_that_only_root_could_copy(host: Host) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    for path in (host.place, *host.place.rglob("*")):
        if not path.is_symlink():
            os.chown(path, 65534, 65534)
    os.chown(host.old / "a.txt", 0, 0)
    root = Path(__file__).parents[3]
    program = [sys.executable, "-c", ORDINARY, str(host.place)]
    done = subprocess.run(program, cwd=root, capture_output=True, text=True)
    assert "a.txt cannot be kept with the rest: it belongs to user 0" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"path": "/x/y"}, "has no live link"),
        ({"path": "relative/current/files"}, "must be an absolute path"),
        ({"alias": "/elsewhere"}, "must lie in"),
        ({"reserve_mb": -1}, "must be a whole number"),
        ({"keep": 0}, "must be 1 or more"),
        ({"name": "Not a name"}, "is not a name"),
    ],
)
def test_bad_input_is_named_by_its_key(
    tmp_path: Path, options: dict[str, object], words: str
) -> None:
    host = make_host(tmp_path, **options)
    with pytest.raises(BadInput, match=words):
        host.do("probe")
    assert host.target() == OLD


def test_what_a_release_declares_of_other_stores_is_not_ours(host: Host) -> None:
    host.release["expected_changes"] = {"facts": {"chnged": 1}}
    with pytest.raises(BadInput, match=r"expected_changes\.facts\.chnged: unknown key"):
        host.do("seal")
