"""An old artifact goes live again only where the operator still pins it."""

from __future__ import annotations

from pathlib import Path

from tests.integration.story.stage import Stage


def test_a_release_whose_pin_was_taken_away_is_refused(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "stage")
    stage.home.mkdir()
    assert stage.run("-e release_version=0.9") != 0
    assert "release_version: no release 0.9" in stage.said()
    assert stage.live() == {}
    assert stage.locked() == []


def test_a_pin_on_the_command_line_is_judged_like_one_in_the_inventory(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "stage")
    stage.home.mkdir()
    pins = '\'{"releases": {"0.9": {"digest": "sha256:anything"}}}\''
    assert stage.run("-e release_version=0.9", f"-e {pins}") != 0
    assert "is not sha256: and 64 hexadecimal digits" in stage.said()
    assert stage.live() == {}
