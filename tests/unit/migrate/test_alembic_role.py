"""The role as a play calls it: packed by Ansible, with the variables that the phases set."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.unit.migrate.alembic_site import FIRST, SECOND, Site, line, release, texts

ROOT = Path(__file__).resolve().parents[3]


def role(action: str, **variables: Any) -> dict[str, Any]:
    """One call of the role."""
    return {
        "name": f"Migrate ({action})",
        "ansible.builtin.include_role": {"name": "migrate_alembic"},
        "vars": {"migrate_action": action, **variables},
    }


def play(site: Site, tasks: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    """Run these tasks on this machine, and tell each result."""
    known = {
        "store": site.store,
        "release": {"version": "1.1", "kind": "archive"},
        "release_root": str(site.place),
        "python": site.python,
        "stagegate_run": site.run(migration_class="reversible"),
        "stagegate_observed": {"live": ""},
        "ansible_python_interpreter": sys.executable,
    }
    told = {"name": "Tell", "ansible.builtin.debug": {"var": "migrate_alembic_result"}}
    with_results = [step for task in tasks for step in (task, told)]
    file = site.place / "play.yml"
    file.write_text(
        json.dumps(
            [{"hosts": "localhost", "gather_facts": False, "vars": known, "tasks": with_results}]
        )
    )
    command = ["ansible-playbook", "-i", "localhost,", "-c", "local", str(file)]
    return subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]],
        cwd=ROOT,
        env={
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(site.place),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
            "LANG": "C.UTF-8",
        },
        capture_output=True,
        text=True,
    )


def test_the_role_probes_applies_and_reverts(site: Site) -> None:
    release(site.place / "releases/1.1", line(FIRST, SECOND))
    found = texts(line(FIRST, SECOND))
    place = site.params(site.place)["database"]
    done = play(
        site,
        [
            role("probe", migrate_files=list(found), migrate_texts=found),
            role("apply", migrate_phase="migrate", migrate_database=place),
            role("revert", migrate_phase="rollback", migrate_database=place),
        ],
    )
    assert done.returncode == 0, done.stdout + done.stderr
    entries = {(e.phase, e.step): e for e in site.entries if e.kind == "done"}
    assert entries["migrate", "apply:history"].state["applied"] == ["r1", "r2"]
    assert entries["rollback", "revert:history"].state["reverted"] == ["r2", "r1"]
    assert '"pending": [' in done.stdout
    assert not site.has("words")
