"""A process that knows secrets leaves no image of its memory, and hands nothing on."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stagegate.command import run_command
from stagegate.glue import run_module, run_without_dumps
from tests.forked import fork

ROOT = Path(__file__).resolve().parents[2]
CANARY = "canary-in-the-memory"
PR_SET_DUMPABLE = 4


class Module:
    """What the glue needs of an AnsibleModule."""

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self.check_mode = False

    def exit_json(self, **result: Any) -> None:
        """End as a module ends."""
        os._exit(0)


def crash(protect: bool) -> int:
    """How a process that crashes ends: in this child, in an empty folder of its own."""

    def act() -> None:
        # The kernel keeps no core of a process that has been another account, as in other tests.
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1)
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        held = CANARY * 1000
        if protect:
            run_module(Module(), lambda params, check: crash_now(held))
        crash_now(held)

    return os.waitpid(fork(act), 0)[1]


def crash_now(held: str) -> dict[str, Any]:
    """Read where nothing is, as a broken library would."""
    faulthandler.disable()
    ctypes.string_at(0)
    return {"held": held}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may raise the limit that is tested")
def test_a_module_that_crashes_leaves_no_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert os.WCOREDUMP(crash(protect=False)), (
        "this machine keeps no cores: the test proves nothing"
    )
    for core in tmp_path.iterdir():
        core.unlink()
    status = crash(protect=True)
    assert os.WIFSIGNALED(status)
    assert not os.WCOREDUMP(status)
    assert list(tmp_path.iterdir()) == []


def test_what_a_module_starts_leaves_none_either(monkeypatch: pytest.MonkeyPatch) -> None:
    before = resource.getrlimit(resource.RLIMIT_CORE)
    try:
        run_without_dumps()
        told = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE)[0])"
        assert run_command([sys.executable, "-c", told], deadline=20).said == "0\n"
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)


def test_the_controller_leaves_none(tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(
        "- hosts: localhost\n"
        "  gather_facts: false\n"
        f"  vars: {{ansible_python_interpreter: {sys.executable}}}\n"
        "  tasks:\n"
        "    - ansible.builtin.command: {argv: [cat, /proc/self/limits]}\n"
        "      changed_when: false\n"
    )
    done = subprocess.run(
        [f"{sys.prefix}/bin/ansible-playbook", "-v", "-i", "localhost,", "-c", "local", "play.yml"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "STAGEGATE_PLAIN": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Max core file size        0 " in done.stdout


def test_a_program_gets_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGE_SECRET", CANARY)
    before = os.umask(0)
    try:
        told = "import os; print(dict(os.environ), oct(os.umask(0)))"
        said = run_command([sys.executable, "-c", told], deadline=20).said
    finally:
        os.umask(before)
    assert CANARY not in said
    assert said.rstrip().endswith("0o77")
