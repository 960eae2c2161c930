"""Playbooks of the project, started in a cgroup and hit while they run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.lab.cgroup import Cgroup

ROOT = Path(__file__).resolve().parents[2]
WITHIN = 600.0
INTERRUPTED_TWICE_AFTER = 0.2
PROGRAM = "ansible-playbook"
ENTER = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGHUP):  # ignored by what was started in the background
    signal.signal(number, signal.SIG_DFL)
with open(sys.argv[1], "w") as group:
    group.write(str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Command:
    """A playbook that has been started."""

    def __init__(self, process: subprocess.Popen[bytes], said: Path, artifacts: Path) -> None:
        self.process = process
        self.artifacts = artifacts
        self._said = said

    def is_over(self) -> bool:
        """Tell whether it has ended."""
        return self.process.poll() is not None

    def wait(self, within: float = WITHIN) -> int:
        """Return its exit status; raises TimeoutExpired for one that does not end."""
        return self.process.wait(within)

    def kill(self) -> None:
        """SIGKILL for the controller alone: what it started on hosts goes on."""
        self.process.kill()
        self.process.wait()

    def interrupt_twice(self) -> None:
        """Ctrl-C at a terminal, and once more by an impatient person."""
        for _ in range(2):
            os.killpg(self.process.pid, signal.SIGINT)
            try:
                self.process.wait(INTERRUPTED_TWICE_AFTER)
            except subprocess.TimeoutExpired:
                continue
            return

    def said(self) -> str:
        """Everything that it printed."""
        return self._said.read_text(encoding="utf-8", errors="replace")

    def verdict(self) -> str:
        """The verdict of the record that it wrote; empty without one."""
        records = sorted(self.artifacts.glob("*/record.json"), key=lambda p: p.stat().st_mtime)
        return str(json.loads(records[-1].read_text("utf-8"))["verdict"]) if records else ""


def start_inside(
    cgroup: Cgroup,
    argv: list[str],
    output: Path,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a cgroup, as a session of its own; a person's shell is its environment."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE_", "PYTEST_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    configured = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), **(environment or {})}
    entering = [sys.executable, "-I", "-S", "-c", ENTER, str(cgroup.path / "cgroup.procs")]
    with output.open("wb") as said:
        return subprocess.Popen(
            [*entering, *argv],
            cwd=ROOT,
            env={**kept, **configured},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def start_playbook(
    cgroup: Cgroup,
    artifacts: Path,
    inventory: str,
    words: tuple[str, ...],
    settings: Mapping[str, object],
    environment: Mapping[str, str] | None = None,
) -> Command:
    """Start a playbook as a person types it; its record and its words go to ``artifacts``."""
    artifacts.mkdir(parents=True, exist_ok=True)
    places = {"report_artifacts": str(artifacts), "smoke_artifacts": str(artifacts)}
    given = json.dumps({**settings, **places})
    program = str(Path(sys.executable).with_name(PROGRAM))
    said = artifacts / "output.txt"
    argv = [program, *words, "-i", inventory, "-e", given]
    return Command(start_inside(cgroup, argv, said, environment), said, artifacts)
