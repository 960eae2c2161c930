"""Playbooks run on this machine with their module calls written down."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.calls import Calls, read_calls
from tests.bench.databases import ROOT
from tests.bench.timing import last_line

CALLBACKS = (ROOT / "plugins" / "callback", Path(__file__).parent / "callback")
TOOLS = Path(sys.executable).parent
"""Where the tools of this environment lie; not resolved: the link is what makes it one."""


@dataclass(frozen=True)
class Played:
    """How one playbook ended, after how many seconds, and what it called."""

    status: int
    seconds: float
    calls: Calls
    said: str

    @property
    def reason(self) -> str:
        """The first thing that it said of a failure, in one line."""
        found = re.search(r"^ +what +(.*)$|^\[ERROR\]: (.*)$", self.said, re.MULTILINE)
        return " ".join(filter(None, found.groups())) if found else last_line(self.said)


def play(playbook: str, inventory: str, settings: Mapping[str, str], place: Path) -> Played:
    """Run one playbook; `place` is a directory for what is written down."""
    written = place / "calls.jsonl"
    written.write_bytes(b"")
    argv = [str(TOOLS / "ansible-playbook"), playbook, "-i", inventory]
    for name, value in settings.items():
        argv += ["-e", f"{name}={value}"]
    begin = time.perf_counter()
    done = subprocess.run(argv, cwd=ROOT, env=environment(written), capture_output=True, text=True)
    elapsed = time.perf_counter() - begin
    return Played(done.returncode, elapsed, read_calls(written), done.stdout + done.stderr)


def environment(written: Path) -> dict[str, str]:
    """The caller's environment with the callback switched on."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {
        **kept,
        "PATH": f"{TOOLS}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_CALLBACK_PLUGINS": os.pathsep.join(map(str, CALLBACKS)),
        "ANSIBLE_CALLBACKS_ENABLED": "module_calls",
        "STAGEGATE_BENCH_CALLS": str(written),
        "STAGEGATE_PLAIN": "1",
    }
