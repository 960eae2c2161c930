"""A program's number counts only when the program ended well, in time, and said nothing else."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import BadInput
from stagegate.gates.verdict import Result
from tests.unit.gates.helpers import ask, gate, spec_of


def judged(program: str, deadline: float = 20, **more: Any) -> Result:
    argv = [sys.executable, "-I", "-c", program]
    source = {"kind": "command", "argv": argv, "deadline": deadline, **more}
    return ask(spec_of(gate(source, samples=None, limit=10)))[0]


@pytest.mark.parametrize(
    ("program", "more", "verdict"),
    [
        ("print(7)", {}, "green"),
        ("print(11)", {}, "red"),
        ("print(0.07)", {"scale": 100}, "green"),
        ('print(\'{"a": {"b": [1, 7]}}\')', {"path": "a.b.1"}, "green"),
        ("import sys; print('a warning', file=sys.stderr); print(7)", {}, "green"),
    ],
)
def test_a_number_is_judged(program: str, more: dict[str, Any], verdict: str) -> None:
    result = judged(program, **more)
    assert result.verdict == verdict, result.reason


@pytest.mark.parametrize(
    ("program", "more", "said"),
    [
        ("print(7); raise SystemExit(3)", {}, "ended with status 3"),
        ("raise ValueError('no such thing')", {}, "status 1: ValueError: no such thing"),
        ("import os; os.kill(os.getpid(), 9)", {}, "ended with status -9"),
        ("", {}, "said nothing"),
        ("print('seven')", {}, "not JSON"),
        ("print('7 ms')", {}, "not JSON"),
        ("print(7); print(7)", {}, "not JSON"),
        ("print('NaN')", {}, "NaN is not JSON"),
        ("print('1e400')", {}, "not finite"),
        ("print('\"7\"')", {}, "a str is no number"),
        ("print('true')", {}, "a bool is no number"),
        ("print('null')", {}, "null is no number"),
        ("print(-7)", {}, "a negative count"),
        ("print('{}')", {}, "a dict is no number"),
        ("print('{}')", {"path": "a"}, "nothing at a"),
        ("print('7' + ' ' * 70000)", {}, "said more than 65536 bytes"),
        ("print(' ' * 70000 + '7')", {}, "said more than 65536 bytes"),
        ("import sys; sys.stdout.buffer.write(b'\\xff7')", {}, "not JSON"),
    ],
)
def test_what_is_no_answer_is_unknown(program: str, more: dict[str, Any], said: str) -> None:
    result = judged(program, **more)
    assert (result.verdict, said in result.reason) == ("unknown", True), result.reason


def test_a_late_program_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    noted = tmp_path / "pids"
    child = "import time; time.sleep(60)"
    program = (
        "import os, subprocess, sys, time; "
        f"p = subprocess.Popen([sys.executable, '-c', {child!r}]); "
        f"open({str(noted)!r}, 'w').write(f'{{os.getpid()}} {{p.pid}}'); time.sleep(60)"
    )
    began = time.monotonic()
    result = judged(program, deadline=3)
    assert result.verdict == "unknown"
    assert "the program did not end within 3 s" in result.reason
    assert time.monotonic() - began < 8
    for pid in noted.read_text().split():
        assert is_gone(int(pid))


def is_gone(pid: int) -> bool:
    """True when a process is dead, whoever has to bury it; a kill is not over at once."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 5)[0])
    finally:
        os.close(process)


def test_what_a_program_leaves_behind_cannot_speak_for_it(tmp_path: Path) -> None:
    """It leaves the process group, so that it cannot be killed with it, and holds the pipe."""
    noted = tmp_path / "pid"
    child = f"import os, time; open({str(noted)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    program = (
        "import pathlib, subprocess, sys, time; "
        f"subprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True)\n"
        f"while not pathlib.Path({str(noted)!r}).exists(): time.sleep(0.01)\n"
        "print(7)"
    )
    result = judged(program)
    os.kill(int(noted.read_text()), signal.SIGKILL)
    assert (result.verdict, "holds its output open" in result.reason) == ("unknown", True)


def test_nothing_of_an_argument_is_a_shells(tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    source = {"kind": "command", "argv": ["/bin/echo", f"7; touch {planted}"]}
    assert ask(spec_of(gate(source, samples=None, limit=10)))[0].verdict == "unknown"
    assert not planted.exists()


def test_a_program_is_told_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_SECRET", "x")
    assert judged("import os; print(int('VAULT_SECRET' in os.environ))").measured.value == 0


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("/bin/echo 7", "must be a list of texts"),
        ([], "must be a list of texts"),
        (["/bin/echo", 7], "must be a list of texts"),
        (["echo", "7"], "must begin with the absolute path"),
        (["/bin/echo", "a\0b"], "must be a list of texts"),
    ],
)
def test_a_program_is_named_by_its_path_and_a_list(argv: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        spec_of(gate({"kind": "command", "argv": argv}, limit=10))


def test_a_program_that_is_not_there_is_unknown() -> None:
    source = {"kind": "command", "argv": ["/no/such/program"]}
    result = ask(spec_of(gate(source, samples=None, limit=10)))[0]
    assert (result.verdict, "cannot be started" in result.reason) == ("unknown", True)
