"""Commands of the project, run as a person runs them, and what came of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ENDS_WITHIN = 900.0


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit status, what it said, and the run's record if it wrote one."""

    rc: int
    said: str
    record: dict[str, Any]
    artifacts: Path

    @property
    def verdict(self) -> str:
        """The verdict of the record; empty without one."""
        return str(self.record.get("verdict", ""))

    @property
    def what(self) -> str:
        """The record's first part of the message: what happened, and where."""
        return str(self.record.get("message", {}).get("what", ""))

    @property
    def run(self) -> str:
        """The id of the run."""
        return str(self.record["run"])

    def of_host(self, name: str) -> dict[str, Any]:
        """One host's part of the record."""
        part: dict[str, Any] = self.record["hosts"][name]
        return part

    def steps(self, name: str, kind: str = "done") -> list[str]:
        """The steps of the run on a host as phase.step, in their order."""
        entries = self.of_host(name)["entries"]
        return [f"{e['phase']}.{e['step']}" for e in entries if e["kind"] == kind]

    def red_gates(self, name: str) -> list[str]:
        """The gates that were red at least once on a host."""
        return sorted({g["name"] for g in self.of_host(name)["gates"] if g["verdict"] == "red"})

    def __str__(self) -> str:
        """Everything that a failed assertion has to show."""
        message = json.dumps(self.record.get("message", {}), indent=1)
        return f"exit status {self.rc}, verdict {self.verdict!r}\n{message}\n{self.said[-6000:]}"


class Running:
    """A command that has been started."""

    def __init__(self, argv: list[str], artifacts: Path) -> None:
        self._artifacts = artifacts
        self._said = artifacts / "output.txt"
        with self._said.open("w", encoding="utf-8") as said:
            self._process = subprocess.Popen(
                argv, cwd=ROOT, env=_environment(), stdout=said, stderr=subprocess.STDOUT
            )

    def is_over(self) -> bool:
        """Tell whether the command has ended."""
        return self._process.poll() is not None

    def wait(self) -> Outcome:
        """Return how it ended; one that does not end is killed and raised as TimeoutExpired."""
        try:
            rc = self._process.wait(ENDS_WITHIN)
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
        records = sorted(self._artifacts.glob("*/record.json"))
        record = json.loads(records[-1].read_text(encoding="utf-8")) if records else {}
        said = self._said.read_text(encoding="utf-8", errors="replace")
        return Outcome(rc, said, record, self._artifacts)


def start(artifacts: Path, inventory: str, playbook: str, *arguments: str) -> Running:
    """Start a playbook of the project; its record goes below `artifacts`."""
    artifacts.mkdir(parents=True)
    places = json.dumps({"report_artifacts": str(artifacts), "smoke_artifacts": str(artifacts)})
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    argv = [program, playbook, "-i", inventory, "-e", places, *arguments]
    return Running(argv, artifacts)


def _environment() -> dict[str, str]:
    """The environment of a person's shell: molecule's own settings of Ansible are not theirs."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ANSIBLE_", "MOLECULE_", "PYTEST_"))
    }
    return {**kept, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
