"""Run a system's smoke suite from the controller against one host."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

DOCUMENTATION = r"""
module: smoke_run
short_description: Run a smoke suite against one host
description:
  - Runs pytest with testinfra on the controller; the tests reach the service by HTTP, and the host
    by the same connection as Ansible. Where it becomes root, they become the service's account.
  - Tells the outcome and never fails by itself, so that the outcome can be recorded first.
options:
  suite: {description: The directory of the tests., type: path, required: true}
  junit: {description: Where the JUnit XML goes., type: path, required: true}
  environment: {description: What the tests are told., type: dict, required: true}
  user: {description: Whose rights the tests have on a host that is entered by become., type: str}
  deadline: {description: Seconds for the whole suite., type: float, default: 120}
"""

REASON = 300
PLUGIN = "stagegate_become"


class ActionModule(ActionBase):
    """See DOCUMENTATION."""

    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the suite and read its JUnit file."""
        result = super().run(tmp, task_vars)
        arguments = self._task.args
        junit = Path(str(arguments["junit"]))
        junit.parent.mkdir(parents=True, exist_ok=True)
        junit.unlink(missing_ok=True)
        argv = [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-o", "addopts=", f"--junitxml={junit}", "--rootdir", str(arguments["suite"])),
            *connection(task_vars or {}, str(arguments.get("user", "")), self._play_context.become),
            str(arguments["suite"]),
        ]
        given = {key: str(value) for key, value in dict(arguments["environment"]).items()}
        known = {**os.environ, **plugin_path(), **given}
        said = run_suite(argv, known, float(arguments.get("deadline", 120)))
        return {**result, "changed": False, "outcome": read_outcome(junit, said)}


def connection(variables: dict[str, Any], account: str, become: bool) -> list[str]:
    """testinfra's words for the connection that Ansible uses to this host."""
    if variables.get("ansible_connection") == "local":
        return ["--hosts=local://"]
    user = variables.get("ansible_user", "root")
    host = variables.get("ansible_host", variables["inventory_hostname"])
    words = shlex.split(str(variables.get("ansible_ssh_common_args", "")))
    config = [f"--ssh-config={b}" for a, b in zip(words, words[1:]) if a == "-F"]
    if become:
        return ["-p", PLUGIN, f"--hosts=become://{user}@{host}?sudo_user={account}", *config]
    return [f"--hosts=ssh://{user}@{host}", *config]


def plugin_path() -> dict[str, str]:
    """Where pytest finds the connection of ours, before whatever else it was told."""
    ours = str(Path(__file__).resolve().parents[1] / "testinfra")
    return {"PYTHONPATH": os.pathsep.join(filter(None, [ours, os.environ.get("PYTHONPATH")]))}


def run_suite(argv: list[str], environment: dict[str, str], deadline: float) -> str:
    """Run pytest; return the end of what it said."""
    try:
        done = subprocess.run(
            argv, env=environment, capture_output=True, text=True, timeout=deadline, check=False
        )
    except subprocess.TimeoutExpired:
        return f"the suite did not end within {deadline:.0f} s"
    return (done.stdout + done.stderr)[-2000:]


def read_outcome(junit: Path, said: str) -> dict[str, Any]:
    """What the JUnit file tells: counts, seconds, and each failure by name."""
    if not junit.exists():
        failure = {"name": "the suite itself", "message": said.strip()[-REASON:]}
        return {"tests": 0, "passed": 0, "failures": [failure], "seconds": 0.0}
    cases = list(ElementTree.parse(junit).getroot().iter("testcase"))  # noqa: S314 - our own file
    failures, skipped = [], 0
    for case in cases:
        found = next((c for c in case if c.tag in ("failure", "error")), None)
        if found is not None:
            message = str(found.get("message", ""))[:REASON]
            failures.append({"name": str(case.get("name")), "message": message})
        skipped += any(child.tag == "skipped" for child in case)
    return {
        "tests": len(cases),
        "passed": len(cases) - len(failures) - skipped,
        "failures": failures[:40],
        "seconds": round(sum(float(case.get("time", 0)) for case in cases), 3),
        "names": [str(case.get("name")).split("[")[0] for case in cases],
    }
