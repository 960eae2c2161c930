"""What a compromised host answers is data: it runs nothing, steers nothing, and stays small."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.story.stage import Stage
from tests.security.hostile import templates

INTERPRETER = """#!{python}
import subprocess, sys
source = sys.stdin.buffer.read() if sys.argv[1:] == [] or sys.argv[1] == "-" else b""
if b"AnsiballZ" in source or b"ANSIBALLZ" in source or len(source) > 20000:
    sys.stdout.buffer.write(open({answer!r}, "rb").read())
    sys.exit(0)
sys.exit(subprocess.run([{python!r}, *sys.argv[1:]], input=source).returncode)
"""


def hostile(stage: Stage, answer: bytes) -> None:
    """Let each module that runs on the second host answer this, whatever it was asked."""
    place, program = stage.home / "answer", stage.home / "python"
    place.write_bytes(answer)
    program.write_text(INTERPRETER.format(python=sys.executable, answer=str(place)))
    program.chmod(0o755)
    stage.faults = {"h2": {"ansible_python_interpreter": str(program)}}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path / "stage")
    made.home.mkdir()
    return made


def observed(text: str) -> dict[str, Any]:
    """What the ledger's module answers, with hostile texts wherever it has one."""
    plan = {"to": text, "from": text, "stores": [text], "migration_class": text}
    run = {"id": text, "plan": plan, "verdict": text, "went_back": False}
    owner = {"run": text, "controller_id": text, "operator": text}
    return {
        "changed": False,
        "observed": {
            "unfinished": None,
            "last": run,
            "live": text,
            "owner": owner,
            "admitted": False,
        },
    }


ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e<script>alert(1)</script> | `x` [a](javascript:b)"


def test_no_answer_of_a_host_is_rendered(stage: Stage, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    text = " ".join(templates(canary).values()) + ESCAPES
    hostile(stage, json.dumps(observed(text)).encode())
    status = stage.run(playbook="playbooks/rollback.yml")
    assert not canary.exists()
    said = stage.said()
    assert "touch" in said, "the answer did not arrive: the test proves nothing"
    assert "\x07" not in said
    assert "49" not in [word.strip('",') for word in said.split()]  # 7 * 7 was not worked out
    assert "runs a program by a lookup" not in said
    assert status in (0, 2)
    assert stage.live() == {}


NOISE = {
    "no JSON": b"\xff\xfe\x00 this is no answer \x1b[2J",
    "a large one": b'{"changed": false, "observed": "' + b"x" * (8 << 20) + b'"}',
    "nested": b'{"changed": false, "observed": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "nothing": b"",
    "another type": b'{"changed": "maybe", "observed": [1, 2, 3], "failed": {}}',
}


@pytest.mark.parametrize("answer", NOISE.values(), ids=NOISE.keys())
def test_a_host_that_answers_nonsense_stops_the_run_before_it_begins(
    stage: Stage, answer: bytes
) -> None:
    hostile(stage, answer)
    assert stage.run("-e release_version=1.0") != 0
    assert stage.live() == {}
    assert stage.locked() == []
    kept = [path for path in stage.home.glob("artifacts/**/*") if path.is_file()]
    assert all(path.stat().st_size < 1 << 20 for path in kept)
