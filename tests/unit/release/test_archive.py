"""An archive is unpacked only if it is the pinned one and holds exactly what it lists."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stagegate.errors import BadInput, StagegateError
from stagegate.release import archive
from stagegate.release.archive import open_pinned, read_archive
from stagegate.release.probe import inspect
from stagegate.release.stage import stage
from tests.unit.release.helpers import (
    FILES,
    Host,
    archive_bytes,
    good_members,
    manifest_value,
    member,
    raw_tar,
    tree,
)

Members = list[tuple[tarfile.TarInfo, bytes]]


def linked(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """A member that is no file."""
    info = member(name, kind=kind)
    info.linkname = target
    return info, b""


def with_extra(extra: tuple[tarfile.TarInfo, bytes]) -> Members:
    """A good archive with one member more."""
    return [*good_members(), extra]


def with_listed(name: str, info: tarfile.TarInfo) -> Members:
    """An archive whose manifest lists a name that the archive holds as something else."""
    value = manifest_value({**FILES, name: b""})
    rest = good_members()[1:]
    return [(member("manifest.json"), json.dumps(value).encode()), *rest, (info, b"")]


def changed(index: int, data: bytes) -> Members:
    """A good archive with one member's content changed."""
    members = good_members()
    members[index] = (members[index][0], data)
    return members


def remoded(index: int, mode: int) -> Members:
    """A good archive with one member's mode changed."""
    members = good_members()
    members[index][0].mode = mode
    return members


SPOILT: dict[str, Callable[[], Members]] = {
    "an extra file": lambda: with_extra((member("lib/extra.py"), b"import os\n")),
    "an extra directory": lambda: with_extra(linked("spool", tarfile.DIRTYPE)),
    "a file twice": lambda: with_extra(
        (member("migrations/0001.sql"), FILES["migrations/0001.sql"])
    ),
    "a missing file": lambda: good_members()[:-1],
    "a changed byte": lambda: changed(1, FILES["bin/abathur-api"].replace(b"api'", b"apj'")),
    "a changed size": lambda: changed(1, FILES["bin/abathur-api"] + b"\n"),
    "another mode": lambda: remoded(3, 0o755),
    "setuid": lambda: remoded(1, 0o4755),
    "setgid": lambda: remoded(1, 0o2755),
    "an absolute path": lambda: with_extra((member("/etc/cron.d/x"), b"x")),
    "a path with ..": lambda: with_extra((member("bin/../../../x"), b"x")),
    "a symbolic link": lambda: with_extra(linked("lib/out", tarfile.SYMTYPE, "/etc")),
    "a symbolic link in a listed name's place": lambda: with_listed(
        "lib/out", linked("lib/out", tarfile.SYMTYPE, "/etc/passwd")[0]
    ),
    "a hard link": lambda: with_extra(linked("lib/shadow", tarfile.LNKTYPE, "/etc/shadow")),
    "a hard link in a listed name's place": lambda: with_listed(
        "lib/copy", linked("lib/copy", tarfile.LNKTYPE, "bin/abathur-api")[0]
    ),
    "a device": lambda: with_extra(linked("lib/null", tarfile.CHRTYPE)),
    "a block device": lambda: with_extra(linked("lib/sda", tarfile.BLKTYPE)),
    "a pipe": lambda: with_extra(linked("lib/pipe", tarfile.FIFOTYPE)),
    "no manifest": lambda: good_members()[1:],
    "the manifest later": lambda: [good_members()[1], good_members()[0], *good_members()[2:]],
    "a directory first": lambda: [linked("bin", tarfile.DIRTYPE), *good_members()],
    "two manifests": lambda: with_extra(good_members()[0]),
    "nothing at all": list,
    "another system": lambda: [
        (member("manifest.json"), json.dumps({**manifest_value(), "name": "sparkle"}).encode()),
        *good_members()[1:],
    ],
    "another version": lambda: good_members("1.2"),
    "another class": lambda: [
        (
            member("manifest.json"),
            json.dumps({**manifest_value(), "migration_class": "one_way"}).encode(),
        ),
        *good_members()[1:],
    ],
}


@pytest.mark.parametrize("name", SPOILT)
def test_refuses_and_leaves_nothing_behind(name: str, host: Host) -> None:
    request = host.request("1.1", raw_tar(SPOILT[name]()))
    before = tree(host.place / "srv")
    with pytest.raises(StagegateError) as inspected:
        inspect(request)
    with pytest.raises(StagegateError) as staged:
        stage(request, check_mode=False)
    assert inspected.value.code == staged.value.code == 12
    assert tree(host.place / "srv") == before
    assert not Path("/etc/cron.d/x").exists()


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o1755])
def test_setuid_is_refused_by_its_name(mode: int) -> None:
    members = remoded(1, mode)
    with pytest.raises(BadInput, match="carries setuid, setgid or sticky"):
        read_archive(io.BytesIO(raw_tar(members)))


NO_FILES = {
    "a symbolic link": "lib/out is a symbolic link",
    "a hard link": "lib/shadow is a hard link",
    "a device": "lib/null is a device",
    "a block device": "lib/sda is a device",
    "a pipe": "lib/pipe is a pipe",
}


@pytest.mark.parametrize("name", NO_FILES)
def test_what_is_no_file_is_refused_by_its_kind(name: str) -> None:
    with pytest.raises(BadInput, match=NO_FILES[name]):
        read_archive(io.BytesIO(raw_tar(SPOILT[name]())))


def test_accepts_what_the_table_spoils(host: Host) -> None:
    request = host.request("1.1", raw_tar(good_members()))
    assert inspect(request)["files"] == len(FILES)
    assert stage(request, check_mode=False)["changed"]


def test_accepts_directories_that_files_need(host: Host) -> None:
    first, *rest = good_members()
    folder = member("bin", 0o755, tarfile.DIRTYPE)
    assert inspect(host.request("1.1", raw_tar([first, (folder, b""), *rest])))["files"] == 3


@pytest.mark.parametrize("damage", ["cut", "garbage", "gzip", "empty", "flipped header"])
def test_refuses_what_is_not_a_whole_plain_tar(damage: str, host: Host) -> None:
    import gzip

    good = raw_tar(good_members())
    data = {
        "cut": good[:1800],
        "garbage": b"not a tar at all" * 100,
        "gzip": gzip.compress(good),
        "empty": b"",
        "flipped header": good[:520] + b"\xff" + good[521:],
    }[damage]
    with pytest.raises(BadInput):
        inspect(host.request("1.1", data))


def test_inspect_tells_what_a_plan_needs(host: Host) -> None:
    found = inspect(host.request("1.1", archive_bytes("1.1")))
    assert found["version"] == "1.1"
    assert found["migration_class"] == "compatible"
    assert list(found["migrations"]) == ["migrations/0001.sql"]
    assert found["bytes"] == sum(map(len, FILES.values()))


def test_inspect_reads_out_the_texts_that_were_asked_for(host: Host) -> None:
    files = {**FILES, "migrations/versions/a.py": "revision = 'ä'\n".encode()}
    request = host.request("1.1", archive_bytes("1.1", files))
    assert inspect(request)["texts"] == {}
    found = inspect(replace(request, texts=("migrations/versions/*.py",)))
    assert found["texts"] == {"migrations/versions/a.py": "revision = 'ä'\n"}


def test_inspect_reads_out_neither_what_is_no_text_nor_more_than_a_plan_can_carry(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {**FILES, "migrations/versions/a.py": b"\xff"}
    request = host.request("1.1", archive_bytes("1.1", files), texts=("migrations/*",))
    with pytest.raises(BadInput, match=r"a\.py is not UTF-8 text"):
        inspect(request)
    monkeypatch.setattr(archive, "MAX_TEXT", 3)
    with pytest.raises(BadInput, match="larger than 3 bytes"):
        inspect(request)


def test_refuses_one_changed_bit_and_names_both_digests(host: Host) -> None:
    data = bytearray(archive_bytes("1.1"))
    request = host.request("1.1", bytes(data))
    data[-1] ^= 1
    request.archive.write_bytes(bytes(data))
    with pytest.raises(BadInput, match="tampered or rebuilt") as refused:
        inspect(request)
    assert request.release.digest in refused.value.what
    assert refused.value.what.count("sha256:") == 2


def test_refuses_to_read_an_archive_that_nobody_pinned(host: Host) -> None:
    request = host.request("1.1", archive_bytes("1.1"))
    with pytest.raises(BadInput, match="no digest is pinned"):
        inspect(replace(request, release=replace(request.release, digest="")))


@pytest.mark.parametrize("kind", ["absent", "directory", "link", "pipe"])
def test_refuses_an_archive_that_is_no_file(kind: str, host: Host) -> None:
    request = host.request("1.1", archive_bytes("1.1"))
    real = request.archive.rename(host.place / "real.tar")
    if kind == "directory":
        request.archive.mkdir()
    elif kind == "link":
        request.archive.symlink_to(real)
    elif kind == "pipe":
        os.mkfifo(request.archive)
    with pytest.raises(BadInput):
        inspect(request)


def test_reads_the_file_that_was_hashed_whatever_its_name_becomes(host: Host) -> None:
    request = host.request("1.1", archive_bytes("1.1"))
    with open_pinned(request.archive, request.release.digest) as handle:
        request.archive.unlink()
        request.archive.write_bytes(raw_tar([(member("evil"), b"x")]))
        assert read_archive(handle).version == "1.1"


def test_notices_a_file_rewritten_in_place(host: Host) -> None:
    request = host.request("1.1", archive_bytes("1.1"))
    with (
        pytest.raises(BadInput, match="rewritten while it was read"),
        open_pinned(request.archive, request.release.digest),
        request.archive.open("r+b") as writer,
    ):
        writer.write(b"m")


@pytest.mark.parametrize(("limit", "value"), [("MAX_FILES", 2), ("MAX_BYTES", 40)])
def test_refuses_more_than_a_release_may_hold(
    limit: str, value: int, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, limit, value)
    with pytest.raises(BadInput, match="larger than"):
        inspect(host.request("1.1", archive_bytes("1.1")))


def test_building_twice_gives_the_same_bytes() -> None:
    assert archive_bytes("1.1") == archive_bytes("1.1")


def test_takes_long_and_foreign_names(host: Host) -> None:
    files = {f"lib/{'d' * 120}/{'f' * 90}.py": b"1\n", "share/grüße.txt": b"2\n"}
    request = host.request("1.1", archive_bytes("1.1", files))
    stage(request, check_mode=False)
    assert (host.root.release("1.1") / "share/grüße.txt").read_bytes() == b"2\n"


def test_a_sparse_file_is_refused(host: Host) -> None:
    members = good_members()
    members[1][0].type = tarfile.GNUTYPE_SPARSE
    with pytest.raises(BadInput):
        read_archive(io.BytesIO(raw_tar(members)))


def test_a_file_that_says_it_is_larger_than_its_bytes_is_refused() -> None:
    members = good_members()
    size = members[1][0].size
    members[1][0].pax_headers = {"GNU.sparse.map": f"0,{size}", "GNU.sparse.size": str(size)}
    with pytest.raises(BadInput, match="is of an unknown kind"):
        read_archive(io.BytesIO(raw_tar(members)))
