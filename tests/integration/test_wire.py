"""What a broken connection does to a step on a host: a real ssh, and the project's own settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from stagegate.ledger import read_ledger
from tests.servers.haproxy import until
from tests.servers.sshd import Sshd, Wire, make_key, needs_sshd, wired

pytestmark = needs_sshd

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = f"{Path(__file__).with_name('wire') / 'library'}:{ROOT / 'library'}"
RUN = {"id": "20261126T200000Z-ab12", "epoch": 0, "system": "demo", "host": "h1"}
LOST = 4
"""ansible-playbook's status when a host is unreachable and nothing failed."""


@dataclass
class Controller:
    """Plays steps on the host at the other end of the wire."""

    place: Path
    sshd: Sshd
    wire: Wire

    @property
    def run(self) -> dict[str, Any]:
        return {**RUN, "state": str(self.place / "state"), "exclusive": False}

    def begin(self, **task: Any) -> subprocess.Popen[str]:
        """Begin to play one task."""
        play = {"hosts": "all", "gather_facts": False, "tasks": [{"name": "Act", **task}]}
        (self.place / "play.yml").write_text(yaml.safe_dump([play]))
        host = {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.wire.port,
            "ansible_ssh_common_args": self.sshd.arguments,
            "ansible_python_interpreter": sys.executable,
        }
        (self.place / "hosts.yml").write_text(json.dumps({"all": {"hosts": {"h1": host}}}))
        return subprocess.Popen(
            [Path(sys.executable).with_name("ansible-playbook"), "-i", "hosts.yml", "play.yml"],
            cwd=self.place,
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_LIBRARY": LIBRARIES,
                "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.sshd.home / "cp"),
                "ANSIBLE_NOCOLOR": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def begin_step(self, answer: int = 0) -> subprocess.Popen[str]:
        """Begin a step that waits for leave, and return when it is in the middle."""
        step = {"run": self.run, "place": str(self.place), "bytes": answer}
        playing = self.begin(held_step=step)
        until((self.place / "acted").exists)
        return playing

    def leave(self) -> None:
        """Let the step end."""
        (self.place / "leave").touch()

    def kinds(self) -> list[str]:
        """What the host's ledger says of the step."""
        entries = read_ledger(self.place / "state/ledger.jsonl").entries
        return [entry.kind for entry in entries if entry.step == "apply"]

    def acted(self) -> int:
        """How often the step acted."""
        return len((self.place / "acted").read_text().splitlines())


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    with wired() as (sshd, wire):
        yield Controller(tmp_path, sshd, wire)


def ended(playing: subprocess.Popen[str]) -> tuple[int, str]:
    """How the play ended, and what it said."""
    said = playing.communicate(timeout=60)[0]
    return playing.returncode, said


def test_a_wire_that_falls_silent_loses_the_host_in_seconds(controller: Controller) -> None:
    playing = controller.begin_step()
    controller.wire.silence()
    begin = time.monotonic()
    status, said = ended(playing)
    assert status == LOST, said
    assert time.monotonic() - begin < 25
    assert controller.kinds() == ["intent"]
    controller.leave()
    until(lambda: controller.kinds() == ["intent", "done"])
    assert controller.acted() == 1


def test_a_step_whose_connection_was_reset_acts_once(controller: Controller) -> None:
    playing = controller.begin_step()
    controller.wire.reset()
    status, said = ended(playing)
    assert status == LOST, said
    controller.leave()
    until(lambda: controller.kinds() == ["intent", "done"])
    status, said = ended(controller.begin_step())
    assert status == 0, said
    assert "changed=0" in said
    assert controller.acted() == 1


def test_a_step_that_is_asked_again_waits_for_the_one_that_is_at_work(
    controller: Controller,
) -> None:
    playing = controller.begin_step()
    controller.wire.reset()
    assert ended(playing)[0] == LOST
    again = controller.begin_step()
    controller.leave()
    status, said = ended(again)
    assert status == 0, said
    assert controller.kinds() == ["intent", "done", "intent", "done"]
    assert controller.acted() == 1


def test_an_answer_that_is_cut_is_no_success(controller: Controller) -> None:
    playing = controller.begin_step(answer=400_000)
    controller.wire.cut(20_000)
    controller.leave()
    status, said = ended(playing)
    assert status == LOST, said
    assert controller.kinds() == ["intent", "done"]
    controller.wire.heal()
    status, said = ended(controller.begin(run_ledger={"action": "status", "run": controller.run}))
    assert status == 0, said


def test_a_host_that_speaks_with_another_key_is_told_nothing(controller: Controller) -> None:
    make_key(controller.sshd.home / "host_key")
    controller.sshd.stop()
    controller.sshd.start()
    task = {"held_step": {"run": controller.run, "place": str(controller.place)}}
    status, said = ended(controller.begin(**task))
    assert status == LOST, said
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in said
    assert not (controller.place / "acted").exists()
    assert not (controller.place / "state").exists()


def test_a_slow_host_is_not_a_lost_one(controller: Controller) -> None:
    """Each answer takes longer than ssh waits before it asks whether the host is there."""
    controller.wire.delay = 0.15
    playing = controller.begin_step()
    controller.wire.delay = 4.0
    controller.leave()
    status, said = ended(playing)
    assert status == 0, said
    assert controller.acted() == 1
