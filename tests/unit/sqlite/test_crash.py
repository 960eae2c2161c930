"""Killed at any system call of the switch, the data are wholly old or wholly new.

strace kills the process on entering the n-th call of each kind that changes something, for every n
that occurs. Between two such calls nothing changes, so these are all the crash points there are.
After each kill the same action is run again and must end well.
"""

from __future__ import annotations

import collections
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stagegate.ledger import read_ledger
from tests.unit.sqlite.helpers import OLD, Site, ask, change, kill_with_full_wal, make_site

ROOT = Path(__file__).parents[3]
CHANGING = (
    "rename", "renameat", "renameat2", "symlink", "symlinkat", "link", "linkat", "unlink",
    "unlinkat", "mkdir", "mkdirat", "rmdir", "write", "pwrite64", "ftruncate", "fchmod", "chmod",
    "fchmodat", "chown", "fchown", "fchownat", "fsync", "fdatasync", "copy_file_range",
)  # fmt: skip
PROGRAM = """
import sys
from pathlib import Path
from tests.unit.sqlite.helpers import Site
Site(Path(sys.argv[1]), options={"journal_mode": "wal"}).do(sys.argv[2])
"""


def traceable() -> bool:
    """True where strace may trace; some containers forbid it."""
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True)
    return tried.returncode == 0


pytestmark = pytest.mark.skipif(not traceable(), reason="strace is missing or may not trace here")


def run_traced(site: Site, action: str, *options: str) -> int:
    """Do one action in a process of its own under strace; its exit status, negative for a kill."""
    done = subprocess.run(
        ["strace", "-f", "-qq", *options,
         sys.executable, "-S", "-c", PROGRAM, str(site.place), action],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT}/plugins/module_utils", "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode


def crash_points(place: Path, action: str) -> list[tuple[str, int]]:
    """Every changing system call of an action, as its name and how often it came before."""
    site = prepared(place, action)
    log = place / "trace"
    run_traced(site, action, "-e", f"trace={','.join(CHANGING)}", "-o", str(log))
    counted = collections.Counter(re.findall(r"^\d+\s+(\w+)\(", log.read_text(), re.MULTILINE))
    return [(name, n) for name, total in sorted(counted.items()) for n in range(1, total + 1)]


def prepared(place: Path, action: str) -> Site:
    """A site just before an action; both generations have committed rows in a stale WAL."""
    site = make_site(place, rows=20)
    kill_with_full_wal(site.live, "INSERT INTO metrics VALUES ('old', 1)")
    site.do("stage")
    site.migrate()
    site.do("seal")
    site.guard()
    if action == "restore":
        site.do("activate")
        change(site.live, "INSERT INTO metrics VALUES ('new', 1)")
        kill_with_full_wal(site.live, "INSERT INTO metrics VALUES ('new', 2)")
    return site


def seen(site: Site) -> str:
    """What a service that starts now would see: old or new, whole; anything else fails."""
    read_ledger(site.state / "ledger.jsonl")
    target = str(site.link.readlink())
    columns = ask(site.live, "SELECT count(*) FROM pragma_table_info('entries')")
    old_rows = ask(site.live, "SELECT count(*) FROM metrics WHERE name = 'old'")
    new_rows = ask(site.live, "SELECT count(*) FROM metrics WHERE name = 'new'")
    assert ask(site.live, "PRAGMA integrity_check") == "ok"
    assert ask(site.live, "SELECT count(*) FROM entries") == 20
    assert old_rows == 1
    if target == f"generations/{OLD}":
        assert (columns, new_rows) == (5, 0)
        return "old"
    assert target == f"generations/gen-{site.run_id}"
    assert columns == 6
    assert new_rows in (0, 2)
    return "new"


@pytest.mark.parametrize(("action", "end"), [("activate", "new"), ("restore", "old")])
def test_killed_at_every_call_it_is_old_or_new(tmp_path: Path, action: str, end: str) -> None:
    points = crash_points(tmp_path / "count", action)
    assert sum(name.startswith("rename") for name, _ in points) >= 1
    assert sum(name == "fsync" for name, _ in points) >= 3
    outcomes: collections.Counter[str] = collections.Counter()
    for name, n in points:
        site = prepared(tmp_path / f"{name}-{n}", action)
        status = run_traced(
            site, action, "-e", f"trace={name}", "-e", f"inject={name}:signal=SIGKILL:when={n}",
            "-o", "/dev/null",
        )  # fmt: skip
        assert status == -signal.SIGKILL, (name, n)
        copy = shutil.copytree(site.place, tmp_path / "look", symlinks=True)
        looked = Site(copy, options=site.options)
        outcomes[seen(looked)] += 1
        shutil.rmtree(copy)
        site.do(action)
        assert seen(site) == end, (name, n)
        shutil.rmtree(site.place)
    assert set(outcomes) == {"old", "new"}, outcomes
