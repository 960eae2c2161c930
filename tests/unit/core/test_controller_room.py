"""A controller proves its room before a run, and keeps nothing of the proof."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.action.controller_validate import room_problems
from tests.forked import fork

ROOM = 1 << 20
NOBODY = 65534


def left(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    assert room_problems({"report_artifacts": str(tmp_path / "new/folder")}, ROOM) == []
    assert left(tmp_path / "new/folder") == []


@pytest.mark.parametrize(
    ("options", "words"),
    [("size=512k", "No space left"), ("size=8m,nr_inodes=1", "No space left"), ("ro", "Read-only")],
)
def test_what_a_disk_refuses_is_told_by_the_setting_and_leaves_nothing(
    small_disk: Callable[[str], Path], options: str, words: str
) -> None:
    disk = small_disk(options)
    (problem,) = room_problems({"report_artifacts": str(disk)}, ROOM)
    assert (problem.path, words in problem.reason) == ("report_artifacts", True)
    assert left(disk) == []
    assert subprocess.check_output(["du", "-s", disk], text=True).split()[0] == "0"


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path: Path) -> None:
    place = tmp_path / "artifacts"
    place.write_text("mine")
    (problem,) = room_problems({"report_artifacts": str(place)}, ROOM)
    assert "File exists" in problem.reason
    assert place.read_text() == "mine"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_of_somebody_else_is_told(tmp_path: Path) -> None:
    def as_nobody() -> int:
        os.setuid(NOBODY)
        (problem,) = room_problems({"report_artifacts": str(tmp_path)}, ROOM)
        return 0 if "Permission denied" in problem.reason else 1

    assert os.waitpid(fork(as_nobody), 0)[1] == 0
    assert left(tmp_path) == []
