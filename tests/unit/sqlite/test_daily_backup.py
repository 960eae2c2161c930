"""The daily backup runs without Ansible, beside the writers and beside a deployment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from stagegate import daily_backup
from stagegate.ledger import read_ledger
from tests.unit.sqlite.helpers import Site, change, make_site


def config_of(site: Site, **changes: Any) -> Path:
    place = site.place / "daily.json"
    config = {
        "system": "abathur",
        "host": "host1",
        "state": str(site.state),
        "stores": [site.store],
        **changes,
    }
    place.write_text(json.dumps(config))
    return place


def run(
    site: Site, capsys: pytest.CaptureFixture[str], **changes: Any
) -> tuple[int, dict[str, Any]]:
    status = daily_backup.main(["--config", str(config_of(site, **changes))])
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    return status, json.loads(out)


def test_copies_drills_and_notes(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = run(site, capsys)
    assert (status, said["ok"]) == (0, True)
    assert said["run"].startswith("daily-20")
    backup = said["stores"][0]
    assert backup["rows"] == 356
    assert backup["level"] == 3
    assert Path(backup["path"]).parent.parent.name == said["run"]
    entries = read_ledger(site.state / "ledger.jsonl").entries
    assert [(e.run, e.phase, e.step, e.kind) for e in entries] == [
        (said["run"], "backup", "store:memory", "observed")
    ]
    assert entries[0].evidence["sha256"] == backup["sha256"]
    assert not (site.state / "scratch" / said["run"]).exists(), "the drilled copy is removed"
    verified = site.do("verify", directory=str(Path(backup["path"]).parent))
    assert verified["evidence"]["sha256"] == backup["sha256"]


def test_a_failure_is_told_noted_and_kept_from_no_other_store(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    change(site.old, "INSERT INTO entries(session, key) VALUES ('nobody', 'k')")
    good = make_site(site.place / "second", rows=4)
    stores = [site.store, {**good.store, "name": "second"}]
    status, said = run(site, capsys, stores=stores)
    assert (status, said["ok"], said["code"]) == (20, False, 20)
    assert "has no parent in sessions" in said["what"]
    kinds = [(e.step, e.kind) for e in read_ledger(site.state / "ledger.jsonl").entries]
    assert kinds == [("store:memory", "failed"), ("store:second", "observed")]


def test_removes_what_is_too_old(site: Site) -> None:
    config = json.loads(config_of(site, keep=2).read_text())
    removed = []
    for day in range(1, 5):
        now = datetime(2026, 11, day, 2, tzinfo=timezone.utc)
        removed += daily_backup.run_daily(config, now)["removed"]
    kept = sorted(p.name for p in (site.state / "backups").iterdir())
    assert kept == ["daily-20261103T020000Z", "daily-20261104T020000Z"]
    assert any("daily-20261101T020000Z" in place for place in removed)


def test_does_not_wait_for_a_deployment_that_holds_the_system(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    (site.state / "lock").mkdir(parents=True)
    (site.state / "lock" / "owner.json").write_text('{"run": "other", "epoch": 7}')
    assert run(site, capsys)[0] == 0


def test_without_a_database_there_is_nothing_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = run(Site(tmp_path), capsys)
    assert status == 0
    assert said["stores"] == [{"absent": True, "store": "memory"}]


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "cannot be read"), ("[]", "lacks system"), ('{"system": "a"}', "lacks host, state")],
)
def test_a_wrong_configuration_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    place = tmp_path / "daily.json"
    place.write_text(text)
    assert daily_backup.main(["--config", str(place)]) == 12
    assert words in json.loads(capsys.readouterr().out)["what"]


def test_a_missing_configuration_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert daily_backup.main(["--config", str(tmp_path / "none.json")]) == 12
    assert "cannot be read" in json.loads(capsys.readouterr().out)["what"]


def test_runs_as_a_program_with_nothing_installed(site: Site) -> None:
    core = Path(daily_backup.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-S", "-m", "stagegate.daily_backup", "--config", str(config_of(site))],
        env={"PYTHONPATH": str(core), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"]
    assert done.stderr == ""
