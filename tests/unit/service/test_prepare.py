"""A host gets the account and the directories it lacks, and keeps what it has."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import BadInput, StepFailed
from stagegate.service import prepare as preparing
from stagegate.service.model import Fleet
from stagegate.service.prepare import prepare
from tests.unit.service.helpers import entries, make_fleet, make_run, noun


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """A service that writes below a directory that is not there yet."""
    return make_fleet(make_run(tmp_path), noun(writable=[str(tmp_path / "data")]))


def run(fleet: Fleet, tmp_path: Path, check_mode: bool = False, **changes: Any) -> dict[str, Any]:
    """Prepare without making an account."""
    root = changes.get("root", tmp_path / "srv")
    writable = changes.get("writable", [])
    return prepare(fleet, root, writable, check_mode, changes.get("create_user", False))


def mode(path: Path) -> int:
    """A directory's mode."""
    return stat.S_IMODE(path.stat().st_mode)


def test_makes_what_is_missing_and_nothing_the_second_time(fleet: Fleet, tmp_path: Path) -> None:
    result = run(fleet, tmp_path)
    assert result["changed"]
    assert mode(tmp_path / "srv" / "releases") == 0o755
    assert mode(tmp_path / "data") == 0o700
    assert mode(fleet.run.state / "artifacts") == 0o700
    done = entries(fleet.run)[-1]
    assert (done.phase, done.step, done.state) == (
        "release",
        "prepare_host",
        {"created": result["created"]},
    )
    assert run(fleet, tmp_path) == {"changed": False, "created": []}


def test_check_mode_names_them_only(fleet: Fleet, tmp_path: Path) -> None:
    assert str(tmp_path / "data") in run(fleet, tmp_path, check_mode=True)["created"]
    assert not (tmp_path / "data").exists()
    assert entries(fleet.run) == []


def test_corrects_a_mode_and_keeps_the_content(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "data").chmod(0o777)
    (tmp_path / "data" / "kept").touch()
    run(fleet, tmp_path)
    assert mode(tmp_path / "data") == 0o700
    assert (tmp_path / "data" / "kept").exists()


def test_refuses_a_file_in_a_directory_s_place(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "srv").write_text("")
    with pytest.raises(StepFailed, match="stands where a directory must be"):
        run(fleet, tmp_path)


@pytest.mark.parametrize("path", ["relative", "/a/../b"])
def test_refuses_a_path_that_leads_elsewhere(path: str, fleet: Fleet, tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        run(fleet, tmp_path, writable=[path])


root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes accounts")


@root_only
def test_gives_the_data_to_the_account(fleet: Fleet, tmp_path: Path) -> None:
    nobody = make_fleet(fleet.run, noun(writable=[str(tmp_path / "data")]), service_user="nobody")
    run(nobody, tmp_path, create_user=True)
    assert (tmp_path / "data").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    assert (tmp_path / "srv").stat().st_uid == 0
    assert not run(nobody, tmp_path, create_user=True)["changed"]


@root_only
@pytest.mark.parametrize("group_exists", [True, False])
def test_makes_an_account_that_cannot_log_in(
    group_exists: bool, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    class Ended:
        returncode, stdout = 1, b"useradd: out of numbers"

    def refuse(argv: list[str], **_: object) -> type[Ended]:
        asked.append(argv)
        return Ended

    group = "nogroup" if group_exists else "stagegate-absent"
    monkeypatch.setattr(preparing.subprocess, "run", refuse)
    absent = make_fleet(fleet.run, noun(), service_user=group)
    with pytest.raises(StepFailed, match="out of numbers"):
        run(absent, tmp_path, create_user=True)
    assert asked[0][:3] == ["useradd", "--system", "--no-create-home"]
    assert ("--gid" in asked[0]) == group_exists
    assert asked[0][-2:] == ["--", group]
