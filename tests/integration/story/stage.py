"""Local hosts on which the real playbooks play, with drivers reduced to their steps."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible_runner

ROOT = Path(__file__).resolve().parents[3]
STORY = Path(__file__).resolve().parent
HOSTS = ["h1", "h2", "h3"]
NAME = "{{ inventory_hostname }}"
DATA_HOST: dict[str, Any] = {
    "service_manager": "none",
    "traffic_manager": "none",
    "services": [],
    "stores": [
        {
            "name": "history",
            "kind": "postgresql",
            "database": "demo",
            "owner": "demo",
            "migrations": {"kind": "alembic"},
        }
    ],
}


def everywhere(version: str) -> dict[str, str]:
    """What ``Stage.live`` says when one release is live on all hosts."""
    return dict.fromkeys(HOSTS, version)


@dataclass
class Stage:
    """Three local hosts with a live release, and what the next run does to them.

    ``nouns`` are what a row adds to the system, ``environment`` what it adds to the command's.
    ``shared`` adds a host that keeps the data of all, and a door before each of the three.
    """

    home: Path
    waves: list[Any] = field(default_factory=lambda: [1, 1, "100%"])
    migration_class: str = "compatible"
    shared: bool = False
    faults: dict[str, dict[str, Any]] = field(default_factory=dict)
    nouns: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)

    def inventory(self) -> dict[str, Any]:
        hosts = {}
        for name in self.names:
            home = self.home / name
            home.mkdir(parents=True, exist_ok=True)
            live = home / "live"
            service = {
                "active": live.exists(),
                "unit": "same",
                "health": {"version": live.read_text() if live.exists() else "", "fault": ""},
            }
            hosts[name] = {
                "ansible_connection": "story",
                "ansible_python_interpreter": sys.executable,
                "story_home": str(home),
                "state_root": str(home / "state"),
                "release_root": str(home / "srv"),
                "data_root": str(home / "data"),
                "story_services": {"api": service},
                **self.faults.get(name, {}),
            }
        if self.shared:
            hosts["db"] = {**hosts.pop("db"), **DATA_HOST}
        return {"all": {"children": {"demo": {"hosts": hosts, "vars": self.variables()}}}}

    @property
    def names(self) -> list[str]:
        return [*HOSTS, "db"] if self.shared else HOSTS

    def variables(self) -> dict[str, Any]:
        return {
            "system": "demo",
            "service_user": "demo",
            "rollout_waves": self.waves,
            "artifact_root": str(self.home),
            "python": sys.executable,
            "service_manager": "supervisor",
            "traffic_manager": "haproxy" if self.shared else "none",
            **(
                {"traffic": {"host": "db", "backend": "demo", "server": NAME}}
                if self.shared
                else {}
            ),
            "stores": [],
            "services": [
                {"name": "api", "command": ["/bin/true"], "health": {"url": "http://127.0.0.1:1"}}
            ],
            "smoke": {"suite": "tests/smoke", "expected": 1, "url": "http://127.0.0.1:1"},
            "releases": {v: {"digest": "sha256:" + "0" * 64} for v in ("1.0", "1.1", "2.0")},
            "release": {
                "kind": "archive",
                "version": "{{ release_version }}",
                "source": "/dist/demo.tar",
                "digest": "{{ releases[release_version].digest }}",
                "migration_class": self.migration_class,
            },
            "report_artifacts": str(self.home / "artifacts"),
            "sign_off_root": str(self.home / "sign_offs"),
            **self.nouns,
        }

    def run(
        self,
        *arguments: str,
        playbook: str = "deploy.yml",
        answers: dict[str, str] | None = None,
    ) -> int:
        """Run a playbook; a person at a terminal gives the ``answers`` to prompts."""
        (self.home / "order").unlink(missing_ok=True)
        for name in self.names:
            (self.home / name / "acts").unlink(missing_ok=True)
        (self.home / "runner").mkdir(exist_ok=True)
        done = ansible_runner.run(
            private_data_dir=str(self.home / "runner"),
            project_dir=str(ROOT),
            playbook=playbook,
            inventory=self.inventory(),
            cmdline=" ".join(arguments),
            quiet=True,
            passwords=answers or {},
            envvars={
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_ROLES_PATH": f"{STORY / 'roles'}:{ROOT / 'roles'}",
                "ANSIBLE_ACTION_PLUGINS": f"{STORY / 'action'}:{ROOT / 'plugins/action'}",
                "ANSIBLE_CONNECTION_PLUGINS": str(STORY / "connection"),
                "ANSIBLE_STDOUT_CALLBACK": "default",
                "ANSIBLE_DEPRECATION_WARNINGS": "0",
                # Nobody needs to become anybody on this machine, but a row may have it so.
                "ANSIBLE_BECOME_ALLOW_SAME_USER": "1",
                **self.environment,
            },
        )
        self.events = list(done.events)
        return int(done.rc)

    def said(self) -> str:
        return "\n".join(str(event.get("stdout", "")) for event in self.events)

    def acts(self, host: str) -> list[str]:
        place = self.home / host / "acts"
        return place.read_text().splitlines() if place.exists() else []

    def order(self) -> list[str]:
        """All acts of a run on all hosts as host:act, in their order."""
        place = self.home / "order"
        return place.read_text().splitlines() if place.exists() else []

    def live(self) -> dict[str, str]:
        return {
            name: (self.home / name / "live").read_text()
            for name in HOSTS
            if (self.home / name / "live").exists()
        }

    def locked(self) -> list[str]:
        return [n for n in self.names if (self.home / n / "state/demo/lock").exists()]

    def record(self) -> dict[str, Any]:
        artifacts = Path(self.variables()["report_artifacts"])
        places = sorted(artifacts.glob("*/record.json"), key=os.path.getmtime)
        value: dict[str, Any] = json.loads(places[-1].read_text())
        return value

    def roles(self) -> set[str]:
        """The roles of which a task was begun for any host, were it only to skip it."""
        begun = (e["event_data"] for e in self.events if e["event"] == "runner_on_start")
        return {str(data.get("role", "")) for data in begun}

    def judged(self) -> list[str]:
        """The hosts in the order in which their gates were green."""
        return [
            str(event["event_data"]["host"])
            for event in self.events
            if event["event"] == "runner_on_ok"
            and event["event_data"]["task"] == "Play the phase gate"
        ]

    def return_hosts(self) -> None:
        for name in HOSTS:
            (self.home / name / "lost").unlink(missing_ok=True)
