"""The role in a play: which host does what, and which ledger says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from stagegate.ledger import Entry, read_ledger
from tests.servers.haproxy import needs_haproxy
from tests.unit.haproxy.helpers import Site

pytestmark = needs_haproxy

ROOT = Path(__file__).parents[3]


def play(site: Site, hosts: str, action: str, **variables: Any) -> subprocess.CompletedProcess[str]:
    """Include the role on some hosts, as a phase would; every host is this machine."""
    traffic = {
        "host": "lb1",
        "backend": "sparkle",
        "server": "{{ inventory_hostname }}",
        "socket": str(site.proxy.socket),
        "drain_within": 2,
    }
    run = {"id": site.run_id, "epoch": 1, "system": "sparkle", "exclusive": False}
    context = {
        **run,
        "host": "{{ inventory_hostname }}",
        "state": f"{site.place}/{{{{ inventory_hostname }}}}",
    }
    story = {
        "hosts": hosts,
        "gather_facts": False,
        "tasks": [
            {
                "name": "Act",
                "ansible.builtin.include_role": {"name": "traffic_haproxy"},
                "vars": {"traffic_action": action, **variables},
            }
        ],
    }
    (site.place / "play.yml").write_text(yaml.safe_dump([story]))
    inventory = {
        "all": {
            "hosts": {name: {} for name in ("app1", "app2", "app3", "lb1")},
            "vars": {
                "ansible_connection": "local",
                "ansible_python_interpreter": sys.executable,
                "stagegate_run": context,
                "traffic": traffic,
            },
        }
    }
    (site.place / "hosts.yml").write_text(json.dumps(inventory))
    return subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "hosts.yml", "play.yml"],
        cwd=site.place,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
    )


def told(site: Site, host: str) -> list[Entry]:
    """The ledger of one host."""
    return list(read_ledger(site.place / host / "ledger.jsonl").entries)


def test_hosts_that_close_together_leave_the_last_one_to_the_users(site: Site) -> None:
    ended = play(site, "app1:app2:app3", "close", traffic_phase="quiesce")
    assert ended.returncode != 0
    assert "last healthy server" in ended.stdout
    assert sorted(site.proxy.admin(f"app{n}") for n in (1, 2, 3)) == [0, 1, 1]
    steps = [(e.step, e.kind) for e in told(site, "lb1") if e.kind != "intent"]
    assert sorted(kind for _, kind in steps) == ["done", "done", "failed"]
    assert told(site, "app1") == []


def test_the_own_host_knows_of_the_opening_before_the_door_does(site: Site) -> None:
    assert play(site, "app2", "close").returncode == 0
    ended = play(site, "app2", "open")
    assert ended.returncode == 0, ended.stdout
    assert site.proxy.admin("app2") == 0
    announced = told(site, "app2")[-1]
    assert (announced.phase, announced.step, announced.kind) == ("admit", "open", "done")
    opened = [e for e in told(site, "lb1") if e.step == "open:app2"]
    assert announced.t_mono < opened[0].t_mono


def test_a_lost_host_is_shut_by_another(site: Site) -> None:
    ended = play(site, "app1", "shut", traffic_server="app3", traffic_phase="rollback")
    assert ended.returncode == 0, ended.stdout
    assert [site.proxy.admin(f"app{n}") for n in (1, 2, 3)] == [0, 0, 1]
    assert told(site, "lb1")[-1].step == "shut:app3"
