"""Killed at any system call of a switch, what a service opens is wholly old or wholly new.

strace kills the process on entering the n-th call of each kind that changes something, for every n
that occurs. After each kill the same action is run again and must end well.
"""

from __future__ import annotations

import collections
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stagegate.ledger import read_ledger
from tests.unit.files_store import helpers as files
from tests.unit.jsonl_store.helpers import append, fact, make_host, records
from tests.unit.plain.host import OLD, RUN, Host
from tests.unit.sqlite.test_crash import traceable

ROOT = Path(__file__).parents[3]
CHANGING = (
    "rename", "renameat", "renameat2", "symlink", "symlinkat", "unlink", "unlinkat", "mkdir",
    "mkdirat", "rmdir", "fchmod", "chmod", "fchmodat", "fsync", "fdatasync",
)  # fmt: skip
PROGRAM = """
import sys
from pathlib import Path
from stagegate.store import openers
from tests.unit.jsonl_store.helpers import OPTIONS
from tests.unit.plain.host import Host
openers.find_holders = lambda *a: []  # nobody has it open, and asking every process takes long
kind, name = sys.argv[3:]
options = OPTIONS if kind == "jsonl" else {}
Host(Path(sys.argv[1]), kind, name, options=options).do(sys.argv[2])
"""

pytestmark = pytest.mark.skipif(not traceable(), reason="strace is missing or may not trace here")


def run_traced(host: Host, action: str, *options: str) -> int:
    """Do one action in a process of its own under strace; its exit status, negative for a kill."""
    done = subprocess.run(
        ["strace", "-f", "-qq", *options, sys.executable, "-S", "-c", PROGRAM, str(host.place),
         action, host.kind, host.name],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT}/plugins/module_utils", "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode


def jsonl_going_back(place: Path) -> Host:
    """Users wrote two records that the former release reads."""
    host = make_host(place)
    host.opened("1.0")
    host.seal()
    host.do("activate")
    append(host, fact(100), fact(101))
    host.started()
    host.do("delta")
    return host


def jsonl_seen(host: Host) -> str:
    """What a service that starts now reads; the two records are nowhere lost."""
    target, found = host.target(), records(host.live)
    if target == f"gen-{RUN}.back":
        assert found == [*(fact(n) for n in range(20)), fact(100), fact(101)]
        return "old"
    assert target == f"gen-{RUN}"
    assert len(found) == 22
    return "new"


def files_going_forward(place: Path) -> Host:
    host = files.make_host(place)
    host.seal()
    return host


def files_seen(host: Host) -> str:
    assert (host.live / "a" / "two.txt").read_text() == "two\n"
    assert host.target() in (OLD, f"gen-{RUN}")
    return "old" if host.target() == OLD else "new"


CASES = [
    pytest.param("restore", jsonl_going_back, jsonl_seen, "old", id="records-back"),
    pytest.param("activate", files_going_forward, files_seen, "new", id="files-forward"),
]


@pytest.mark.parametrize(("action", "prepared", "seen", "end"), CASES)
def test_killed_at_every_call_it_is_old_or_new(
    tmp_path: Path,
    action: str,
    prepared: Callable[[Path], Host],
    seen: Callable[[Host], str],
    end: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stagegate.store.openers.find_holders", lambda *_: [])
    counting = prepared(tmp_path / "count")
    log = tmp_path / "trace"
    run_traced(counting, action, "-e", f"trace={','.join(CHANGING)}", "-o", str(log))
    counted = collections.Counter(re.findall(r"^\d+\s+(\w+)\(", log.read_text(), re.MULTILINE))
    assert counted["rename"] >= 1
    outcomes: collections.Counter[str] = collections.Counter()
    for name, total in sorted(counted.items()):
        for n in range(1, total + 1):
            host = prepared(tmp_path / f"{name}-{n}")
            status = run_traced(
                host, action, "-e", f"trace={name}", "-e",
                f"inject={name}:signal=SIGKILL:when={n}", "-o", "/dev/null",
            )  # fmt: skip
            assert status == -signal.SIGKILL, (name, n)
            read_ledger(host.state / "ledger.jsonl")
            outcomes[seen(host)] += 1
            host.do(action)
            assert seen(host) == end, (name, n)
            shutil.rmtree(host.place)
    assert set(outcomes) == {"old", "new"}, outcomes
