"""The roles in a play: the modules find all that they import, and check mode changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from stagegate.ledger import read_ledger
from stagegate.plain.account import read_account
from tests.unit.files_store import helpers as files
from tests.unit.jsonl_store import helpers as jsonl
from tests.unit.plain.host import OLD, RUN, Host, tree

ROOT = Path(__file__).parents[3]
MIGRATION = 'test -d "$1" && touch "$1/made" || printf \'{"id": "made"}\\n\' >> "$1"\n'


def task(role: str, **variables: Any) -> dict[str, Any]:
    return {
        "name": f"Act by {role}",
        "ansible.builtin.include_role": {"name": role},
        "vars": variables,
    }


def play(host: Host, *options: str) -> subprocess.CompletedProcess[str]:
    """The phases of a deployment, as the roles of the phases ask for them."""
    release = host.place / "app" / "releases" / "1.1" / "migrations"
    release.mkdir(parents=True, exist_ok=True)
    (release / "0001_made.sh").write_text(MIGRATION)
    store, migrate = f"store_{host.kind}", "migrate_command"
    run = {"id": RUN, "epoch": 1, "system": "toon", "host": "host1", "exclusive": False}
    story = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {
            "ansible_python_interpreter": sys.executable,
            "python": sys.executable,
            "release_root": str(host.place / "app"),
            "release": {"version": "1.1", "expected_changes": {"facts": {"added": 1}}},
            "stagegate_run": {**run, "state": str(host.state), "plan": {"stores": ["facts"]}},
            "store": {**host.store, "migrations": {"kind": "command", "directory": "migrations"}},
        },
        "tasks": [
            task(store, store_action="probe"),
            task(migrate, migrate_action="probe", migrate_files=["migrations/0001_made.sh"]),
            task(store, store_action="backup"),
            {**task(store, store_action="verify"), "when": "not ansible_check_mode"},
            task(store, store_action="stage"),
            task(migrate, migrate_action="apply", migrate_database=str(host.new)),
            task(store, store_action="seal"),
            task(store, store_action="activate"),
            task(store, store_action="restore"),
            task(store, store_action="prune"),
        ],
    }
    place = host.place / "play.yml"
    place.write_text(yaml.safe_dump([story]))
    settings = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_STDOUT_CALLBACK": "default"}
    return subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", *options, place],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("make", [jsonl.make_host, files.make_host])
def test_a_play_goes_forward_and_back(tmp_path: Path, make: Callable[[Path], Host]) -> None:
    host = make(tmp_path)
    before = tree(host.old)
    ended = play(host, "--check", "--diff")
    assert ended.returncode == 0, ended.stdout[-3000:]
    assert not host.state.exists()
    assert tree(host.old) == before
    host.state.mkdir()
    host.guard()
    ended = play(host)
    assert ended.returncode == 0, ended.stdout[-3000:]
    steps = [e.step for e in read_ledger(host.state / "ledger.jsonl").entries if e.kind == "done"]
    forward = ["store:facts", "stage:facts", "apply:facts", "seal:facts", "activate:facts"]
    assert steps == [*forward, "restore:facts", "prune:facts"]
    assert [one.name for one in read_account(host.new)] == ["0001_made.sh"]
    assert host.target() == OLD
    assert tree(host.old) == before
