"""The lines that every module shares."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stagegate.glue import run_module


@pytest.fixture(params=[0o022, 0o027, 0o077], ids=oct)
def session(request: pytest.FixtureRequest) -> Iterator[int]:
    """The umask of the session that a module comes by."""
    former = os.umask(request.param)
    yield request.param
    os.umask(former)


@pytest.mark.usefixtures("session")
def test_what_a_module_makes_has_the_same_mode_in_every_session(tmp_path: Path) -> None:
    def act(_: dict[str, Any], check_mode: bool) -> dict[str, Any]:
        (tmp_path / "release").mkdir()
        (tmp_path / "release/code").write_text("", encoding="utf-8")
        return {"check": check_mode}

    told: dict[str, Any] = {}
    run_module(SimpleNamespace(params={}, check_mode=False, exit_json=told.update), act)
    assert told == {"changed": False, "check": False}
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("release", "release/code")]
    assert modes == [0o755, 0o644]
