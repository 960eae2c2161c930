"""The releases are built the same everywhere, and their manifest tells all of them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from examples import building
from examples.abathur.build import SYSTEM
from tests.unit.examples.conftest import opened


def test_a_build_elsewhere_gives_the_pinned_digests(tmp_path):
    done = subprocess.run(
        [sys.executable, "-B", str(SYSTEM.home / "build.py"), "--dist", str(tmp_path)],
        env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"},
        cwd=tmp_path,
        umask=0o077,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    pins = yaml.safe_load(SYSTEM.pins.read_text())["releases"]
    built = {
        path.stem.removeprefix("abathur-"): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in tmp_path.glob("*.tar")
    }
    assert built == {v: pin["digest"].removeprefix("sha256:") for v, pin in pins.items()}


@pytest.mark.parametrize("version", SYSTEM.versions())
def test_the_manifest_names_every_other_file(version):
    archive = opened(SYSTEM, version)
    first, *others = archive.getmembers()
    assert first.name == "manifest.json"
    manifest = json.load(archive.extractfile(first))
    assert (manifest["name"], manifest["version"]) == ("abathur", version)
    found = {
        member.name: {
            "sha256": hashlib.sha256(archive.extractfile(member).read()).hexdigest(),
            "mode": f"{member.mode:04o}",
            "size": member.size,
        }
        for member in others
    }
    assert manifest["files"] == found
    assert [member.name for member in others] == sorted(found)
    assert {"bin/abathur-api", "bin/abathur-workers", "bin/abathur-selftest"} <= found.keys()


def test_a_member_says_nothing_of_the_machine_that_built_it():
    for member in opened(SYSTEM, "1.1"):
        assert member.isreg()
        assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (
            *(0, 0, "", ""),
            0,
        )
        assert member.mode == (0o755 if member.name.startswith("bin/") else 0o644)


def test_a_digest_that_differs_from_the_pin_is_refused_by_name():
    pins = yaml.safe_load(SYSTEM.pins.read_text())["releases"]
    SYSTEM.compare(pins)
    pins["1.1"] = {**pins["1.1"], "digest": "sha256:" + 64 * "0"}
    with pytest.raises(building.BuildError, match=r"in 1\.1\.\n.*--pin"):
        SYSTEM.compare(pins)


def test_a_release_that_is_no_longer_there_is_refused_by_name():
    pins = yaml.safe_load(SYSTEM.pins.read_text())["releases"]
    del pins["2.3-dies"]
    with pytest.raises(building.BuildError, match=r"2\.3-dies"):
        SYSTEM.compare(pins)


def test_a_cached_wheel_that_was_changed_is_not_used(tmp_path, monkeypatch):
    lock = SYSTEM.lock()
    lock.fetch_wheels()
    for wheel in building.WHEELS.glob("*.whl"):
        shutil.copy(wheel, tmp_path)
    monkeypatch.setattr(building, "WHEELS", tmp_path)
    assert lock.find_wheels().keys() == lock.hashes().keys()
    wheel = lock.find_wheels()["starlette"]
    wheel.write_bytes(wheel.read_bytes() + b" ")
    assert "starlette" not in lock.find_wheels()


def test_a_dependency_without_a_hash_is_not_taken_though_it_is_at_hand(
    tmp_path, monkeypatch, capfd
):
    SYSTEM.lock().fetch_wheels()
    text = SYSTEM.lock().path.read_text()
    spoilt = re.sub(r"(?m)^(starlette==\S+) \\\n(    --hash=\S+(?: \\)?\n)+", r"\1\n", text)
    assert spoilt != text
    (tmp_path / "requirements.lock").write_text(spoilt)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(building.WHEELS))
    monkeypatch.setattr(building, "WHEELS", tmp_path / "wheels")
    with pytest.raises(building.BuildError, match=r"could not download .*starlette"):
        building.Lock(tmp_path / "requirements.lock").fetch_wheels()
    said = capfd.readouterr().err
    assert "Hashes are required in --require-hashes mode" in said
    assert "starlette==" in said
    assert not list(tmp_path.rglob("*.whl"))


def test_what_tools_leave_in_a_source_tree_is_no_part_of_a_release(tmp_path):
    for name in (
        "kept.py",
        "__pycache__/a.py",
        ".mypy_cache/.gitignore",
        "lib/.hidden.py",
        "a.pyc",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list(building.read_tree(tmp_path)) == ["kept.py"]


def test_a_release_lies_over_the_one_it_is_based_on():
    base, later = SYSTEM.source_of("1.1"), SYSTEM.source_of("2.2-breaks-old")
    assert "migrations/0101.session-priority.sql" in later
    assert base["lib/abathur/edition.py"] != later["lib/abathur/edition.py"]
    assert base["lib/abathur/sessions.py"] == later["lib/abathur/sessions.py"]
