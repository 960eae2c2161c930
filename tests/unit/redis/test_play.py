"""The role in a play: the module finds all that it imports, and tells no secret."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.unit.redis.helpers import Site

ROOT = Path(__file__).parents[3]


def test_a_play_backs_up_and_freezes_and_tells_no_password(site: Site) -> None:
    run = {"id": site.run_id, "epoch": 1, "system": "sparkle", "host": "db1", "exclusive": False}
    plan = {"migration_class": "one_way"}
    story = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {
            "ansible_python_interpreter": sys.executable,
            "stagegate_run": {**run, "state": str(site.state), "plan": plan},
            "store": site.store,
        },
        "tasks": [
            {
                "name": f"Ask for {action}",
                "ansible.builtin.include_role": {"name": "store_redis"},
                "vars": {"store_action": action},
            }
            for action in ("backup", "verify", "stage", "seal", "activate")
        ],
    }
    place = site.place / "play.yml"
    place.write_text(yaml.safe_dump([story]))
    settings = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_STDOUT_CALLBACK": "default"}
    ended = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-vvv", place],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout[-3000:]
    steps = [entry.step for entry in site.entries() if entry.kind == "done"]
    assert steps == ["store:cache", "stage:cache", "seal:cache", "activate:cache"]
    kept = [p.read_text() for p in site.state.rglob("*.json*")]
    for text in (ended.stdout, ended.stderr, *kept, json.dumps(story)):
        assert site.server.password not in text
