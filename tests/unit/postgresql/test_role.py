"""The role, its module and the driver know the same actions."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from stagegate.postgresql.driver import NAMES
from tests.unit.postgresql.helpers import Site

ROOT = Path(__file__).parents[3]
ROLE = ROOT / "roles" / "store_postgresql"


def test_the_specification_lists_every_action() -> None:
    spec = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())
    options = spec["argument_specs"]["main"]["options"]
    assert sorted(options["store_action"]["choices"]) == sorted(NAMES)


def test_the_documentation_lists_and_explains_every_action() -> None:
    source = (ROLE / "library" / "store_postgresql.py").read_text()
    found = re.search(r'DOCUMENTATION = r"""(.*?)"""', source, re.DOTALL)
    assert found is not None
    action = yaml.safe_load(found.group(1))["options"]["action"]
    assert sorted(action["choices"]) == sorted(NAMES)
    explained = [re.match(r"C\((\w+)\)", line) for line in action["description"]]
    assert sorted(match.group(1) for match in explained if match) == sorted(NAMES)


def test_the_readme_names_every_action() -> None:
    readme = (ROLE / "README.md").read_text()
    assert all(f"| `{name}` |" in readme for name in NAMES)


def called(action: str, **variables: Any) -> list[dict[str, Any]]:
    """One call of the role, and its result told."""
    call = {"ansible.builtin.include_role": {"name": "store_postgresql"}}
    told = {"ansible.builtin.debug": {"var": "store_postgresql_result.evidence"}}
    return [{**call, "name": action, "vars": {"store_action": action, **variables}}, told]


def test_a_play_calls_it_with_the_variables_of_the_phases(site: Site, tmp_path: Path) -> None:
    known = {
        "store": site.store,
        "release": site.release,
        "stagegate_run": site.run,
        "ansible_python_interpreter": sys.executable,
    }
    copy = site.cluster.url(site.beside("drill"))
    tasks = [
        *called("probe"),
        *called("backup", store_phase="backup"),
        *called("compare", store_database=copy),
    ]
    file = tmp_path / "play.yml"
    play = {"hosts": "localhost", "gather_facts": False, "vars": known, "tasks": tasks}
    file.write_text(json.dumps([play]))
    tool = Path(sys.executable).parent
    done = subprocess.run(
        [str(tool / "ansible-playbook"), "-i", "localhost,", "-c", "local", str(file)],
        cwd=ROOT,
        env={
            "PATH": f"{tool}:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
            "LANG": "C.UTF-8",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert site.kinds("store:history") == site.kinds("compare:history") == ["intent", "done"]
    assert '"state": "database"' in done.stdout
