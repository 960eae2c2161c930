"""Retention at work beside backups and deployments takes nothing away that they need."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from stagegate import daily_backup
from stagegate.journal import open_journal
from stagegate.store.at_work import runs_at_work
from tests.unit.sqlite.helpers import ask, make_site, process
from tests.unit.sqlite.test_retention import at, closed, opened, run_id

ROOT = Path(__file__).parents[3]
HELD = """
import sys
from stagegate import daily_backup
from stagegate.sqlite import snapshot
usual = snapshot.copy_pages
def held(*arguments):
    print("ready", flush=True)
    sys.stdin.readline()
    usual(*arguments)
snapshot.copy_pages = held
sys.exit(daily_backup.main(["--config", sys.argv[1]]))
"""
PRUNER = """
import sys
from pathlib import Path
from tests.unit.sqlite.helpers import Site
print("ready", flush=True)
number = 0
while True:
    run = f"daily-20261101T{number // 3600 % 24:02}{number // 60 % 60:02}{number % 60:02}Z"
    Site(Path(sys.argv[1]), run, {"journal_mode": "wal", "keep": 1}).do("prune", keep_daily=1)
    number += 1
"""


@contextmanager
def nightly(config: Path) -> Iterator[subprocess.Popen[str]]:
    """A nightly backup that stands still before its first page."""
    command = [sys.executable, "-c", HELD, str(config)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as held:  # type: ignore[call-overload]
        assert held.stdout.readline() == "ready\n"
        yield held


def test_a_nightly_backup_at_work_is_not_taken_for_one_that_was_never_finished(
    tmp_path: Path,
) -> None:
    site = make_site(tmp_path, keep=1)
    config = tmp_path / "daily.json"
    told = {"system": "abathur", "host": "host1", "state": str(site.state)}
    config.write_text(json.dumps({**told, "stores": [site.store]}))
    with nightly(config) as held:
        (daily,) = runs_at_work(site.state)
        assert daily.startswith("daily-")
        at(site, 1).do("prune")
        said, failed = held.communicate("go on\n")
    assert held.returncode == 0, said + failed
    (store,) = json.loads(said)["stores"]
    assert ask(Path(store["path"]), "SELECT count(*) FROM entries") == 200
    assert runs_at_work(site.state) == frozenset()


def test_a_nightly_backup_that_was_killed_is_cleared_away(tmp_path: Path) -> None:
    site = make_site(tmp_path, keep=1)
    config = tmp_path / "daily.json"
    told = {"system": "abathur", "host": "host1", "state": str(site.state)}
    config.write_text(json.dumps({**told, "stores": [site.store]}))
    with nightly(config) as held:
        held.kill()
    left = list((site.state / "backups").iterdir())
    assert len(left) == 1
    at(site, 1).do("prune")
    assert not left[0].exists()


def test_nothing_is_removed_while_a_step_is_at_work(tmp_path: Path) -> None:
    site = make_site(tmp_path, keep=1)
    at(site, 1).do("backup")
    at(site, 2).do("backup")
    told = {"system": "abathur", "host": "host1", "state": str(site.state)}
    with open_journal(site.run):
        program = (
            "import json, sys, datetime\nfrom stagegate import daily_backup\n"
            "print('ready', flush=True)\n"
            "daily_backup.run_daily(json.loads(sys.argv[1]), datetime.datetime.now())\n"
        )
        with process(program, json.dumps({**told, "stores": [site.store]})) as waiting:
            while not list((site.state / "backups").glob("daily-*/memory/manifest.json")):
                assert waiting.poll() is None
            assert (site.state / "backups" / run_id(1)).exists()
    later = datetime(2033, 1, 1, tzinfo=timezone.utc)
    daily_backup.run_daily({**told, "stores": [site.store]}, later)
    assert not (site.state / "backups" / run_id(1)).exists()


def test_retention_without_a_pause_takes_nothing_from_a_run_that_goes_there_and_back(
    tmp_path: Path,
) -> None:
    site = make_site(tmp_path, keep=1)
    for number in (1, 2, 3):
        at(site, number).do("backup")
    now = at(site, 4)
    with process(PRUNER, str(tmp_path)) as pruner:
        while (site.state / "backups" / run_id(2)).exists():
            assert pruner.poll() is None
        opened(now)
        now.deploy()
        now.do("verify")
        now.do("forensic")
        now.do("restore")
        closed(now, "restored")
        now.do("verify")
        assert pruner.poll() is None
    assert ask(now.live, "SELECT count(*) FROM entries") == 200
    assert (now.backup / "manifest.json").exists()
    assert now.new.exists(), "what failed is kept"
