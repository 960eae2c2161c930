"""Real runs of small plays, shown by the callback."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROJECT = Path(__file__).parent / "project"
PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
DEADLINE = 120
LEFT_OUT = (
    "ANSIBLE_CONFIG",
    "CI",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONUNBUFFERED",
    "STAGEGATE_PLAIN",
    "TERM",
)


@dataclass(frozen=True)
class Shown:
    """What a run printed, and how it ended."""

    rc: int
    out: str
    err: str = ""

    @property
    def lines(self):
        return self.out.splitlines()


class Player:
    """Runs plays of the project with this callback."""

    def __init__(self, home):
        kept = {k: v for k, v in os.environ.items() if k not in LEFT_OUT}
        self.environment = {
            **kept,
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm",
            "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "plugins/callback"),
        }

    def argv(self, playbook, *arguments):
        return [str(PLAYBOOK), str(playbook), *arguments]

    def run(self, playbook, *arguments, **more):
        """Run with pipes for output, as from a script."""
        done = subprocess.run(
            self.argv(playbook, *arguments),
            cwd=PROJECT,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )
        return Shown(done.returncode, done.stdout, done.stderr)

    def shell(self, line, *arguments):
        """Run inside a line of bash; PLAY stands for the command."""
        command = " ".join(f"'{word}'" for word in self.argv(*arguments))
        done = subprocess.run(
            ["bash", "-c", line.replace("PLAY", command)],
            cwd=PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )
        return Shown(done.returncode, done.stdout, done.stderr)

    def terminal(self, playbook, *arguments, **more):
        """Run on a terminal of 80 columns; give every byte that it was sent."""
        leader, follower = pty.openpty()
        child = subprocess.Popen(
            self.argv(playbook, *arguments),
            cwd=PROJECT,
            env={**self.environment, "COLUMNS": "80", **more},
            stdin=subprocess.DEVNULL,
            stdout=follower,
            stderr=subprocess.DEVNULL,
        )
        os.close(follower)
        received = b"".join(iter(lambda: read_some(leader), b""))
        os.close(leader)
        return Shown(child.wait(DEADLINE), received.decode())


def read_some(descriptor):
    """The next bytes, none when the other end is closed (which Linux calls an error)."""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


@pytest.fixture(scope="session")
def player(tmp_path_factory):
    """Runs plays with a home of its own."""
    return Player(tmp_path_factory.mktemp("home"))
