"""The units that are installed on a host give away no more rights than their work needs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from stagegate.journal import Run
from stagegate.schedule import wanted_files
from stagegate.service.unit import render_unit
from tests.unit.service.helpers import make_fleet, noun

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd judges its own units"
)


def units(place: Path) -> dict[str, str]:
    """The text of each unit that runs on a host, by name."""
    run = Run("20251126T193000Z-0a1b", 1, "demo", "h1", place)
    fleet = make_fleet(run, noun())
    stores = [{"name": "history", "kind": "postgresql"}, {"name": "cache", "kind": "redis"}]
    params = {"system": "demo", "schedule": {}, "stores": stores, "python": "/usr/bin/python3"}
    files = wanted_files(params, "h1", place)
    made = {path.name: data.decode() for path, data in files.items() if path.suffix == ".service"}
    return {**made, "demo-api.service": render_unit(fleet.services[0], fleet)}


@pytest.mark.parametrize("name", ["demo-api.service", "stagegate-backup-demo.service"])
def test_systemd_scores_every_unit_of_a_host_at_three_or_less(name: str, tmp_path: Path) -> None:
    unit = tmp_path / name
    unit.write_text(units(tmp_path)[name])
    argv = ["systemd-analyze", "security", "--offline=true", "--threshold=30", str(unit)]
    ended = subprocess.run(argv, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-400:]
    assert "Overall exposure level" in ended.stdout


def test_systemd_understands_every_line_of_the_backup_unit(tmp_path: Path) -> None:
    unit = tmp_path / "stagegate-backup-demo.service"
    unit.write_text(units(tmp_path)[unit.name])
    argv = ["systemd-analyze", "verify", "--man=no", str(unit)]
    ended = subprocess.run(argv, capture_output=True, text=True)
    assert unit.name not in ended.stderr, ended.stderr


def test_no_other_unit_is_shipped(tmp_path: Path) -> None:
    assert sorted(units(tmp_path)) == ["demo-api.service", "stagegate-backup-demo.service"]
