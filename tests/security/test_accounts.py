"""What the project keeps on a host is out of reach for every other account, really tried."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stagegate import conduct
from stagegate.errors import Refused
from stagegate.exposure import refuse_exposed
from stagegate.files import write_atomic
from stagegate.journal import Run, open_journal
from stagegate.ledger import append_entry, read_ledger
from stagegate.lock import Lock
from tests.unit.plain.host import Host, make_link

NOBODY = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")

TRIES = r"""
import json, os, sys
done = []
def opened(path, flags):
    os.close(os.open(path, flags | os.O_NONBLOCK))
def attempt(name, path, act):
    try:
        act(path)
        done.append([name, path])
    except OSError:
        pass
for path, folder in json.load(sys.stdin):
    attempt("read", path, os.listdir if folder else lambda p: opened(p, os.O_RDONLY))
    attempt("write", path, lambda p: opened(p, os.O_WRONLY))
    attempt("chmod", path, lambda p: os.chmod(p, 0o777))
    attempt("touch", path, lambda p: os.utime(p, (0, 0)))
    attempt("link", path, lambda p: os.link(p, p + ".linked"))
    attempt("rename", path, lambda p: os.rename(p, p + ".moved"))
    attempt("remove", path, os.rmdir if folder else os.unlink)
    if folder:
        attempt("create", path, lambda p: opened(p + "/planted", os.O_WRONLY | os.O_CREAT))
        attempt("symlink", path, lambda p: os.symlink("/etc/passwd", p + "/planted.link"))
json.dump(done, sys.stdout)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that every account can reach, as the folders of a host are."""
    made = Path(tempfile.mkdtemp(prefix="stagegate-accounts-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=lambda mask: f"umask {mask:03o}")
def deployed(place: Path, request: pytest.FixtureRequest) -> Iterator[Host]:
    """A host in the middle of a run, made under this umask."""
    host = Host(place, "files", "facts")
    host.old.mkdir(parents=True)
    (host.old / "one").write_text("what users wrote")
    make_link(host)
    before = os.umask(request.param)
    try:
        run = Run(host.run_id, 0, "toon", "host1", host.state)
        plan = {"kind": "deploy", "from": "1.0", "to": "1.1"}
        epoch = conduct.open_run(run, plan, {"operator": "night shift"}, resume=False)
        host.do("backup")
        host.seal()
        write_atomic(host.state / "guard", b"{}")
        host.do("activate")
        place = host.state / "ledger.jsonl"
        ledger = read_ledger(place)
        with place.open("ab") as file:
            file.write(b"torn")
        torn = read_ledger(place)
        last = ledger.entries[-1]
        append_entry(place, replace(last, seq=last.seq + 1, prev=torn.head), torn)
        assert Lock(host.state).epoch() == epoch
        yield host
    finally:
        os.umask(before)


def attempts(place: Path) -> list[list[str]]:
    """What an account without any rights could do to what lies there."""
    paths = [
        (str(path), path.is_dir() and not path.is_symlink()) for path in [place, *place.rglob("*")]
    ]
    done = subprocess.run(
        ["/usr/bin/python3", "-I", "-c", TRIES],  # ours may lie where only root can go
        input=json.dumps(paths),
        capture_output=True,
        text=True,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_another_account_can_do_nothing_to_what_a_run_keeps(deployed: Host) -> None:
    kept = {path.name for path in deployed.state.iterdir()}
    assert {"lock", "epoch", "ledger.jsonl", "guard", "heartbeat.json", "step.lock"} <= kept
    assert {"backups", "evidence", "scratch"} <= kept
    assert any(name.startswith("ledger.torn-") for name in kept)
    assert attempts(deployed.state) == []


def test_the_tries_are_real(place: Path) -> None:
    folder = place / "open"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "file").write_text("x")
    (folder / "file").chmod(0o666)
    done = {name for name, _ in attempts(folder)}
    assert {"read", "write", "rename", "create", "symlink"} <= done


def test_only_the_way_to_the_state_can_be_entered(deployed: Host) -> None:
    for path in deployed.state.iterdir():
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode & 0o077 == 0, (path, oct(mode))
    assert stat.S_IMODE(deployed.state.stat().st_mode) == 0o711


EXPOSED = [
    ("state", lambda p: p.chmod(0o777), "may be written to by others"),
    ("state", lambda p: p.chmod(0o770), "may be written to by others"),
    ("state", lambda p: os.chown(p, NOBODY, NOBODY), "belongs to user"),
    ("above", lambda p: p.parent.chmod(0o777), "may be written to by others"),
    ("above", lambda p: os.chown(p.parent, NOBODY, NOBODY), "belongs to user"),
]


@pytest.mark.parametrize(("where", "expose", "words"), EXPOSED)
def test_a_state_directory_that_others_can_exchange_is_refused(
    where: str, expose: Callable[[Path], None], words: str, place: Path
) -> None:
    state = place / "root" / "demo"
    run = Run("20251126T193000Z-0a1b", 0, "demo", "h1", state)
    with open_journal(Run(run.id, 0, "demo", "h1", state, exclusive=False)) as journal:
        journal.note("preflight", "probe")
    before = (state / "ledger.jsonl").read_bytes()
    assert conduct.observe_host(run)["unfinished"] is None
    expose(state)
    with pytest.raises(Refused, match=words) as caught:
        conduct.observe_host(run)
    assert caught.value.code == 10
    assert str(state if where == "state" else state.parent) in caught.value.what
    assert (state / "ledger.jsonl").read_bytes() == before


def test_a_directory_that_is_not_there_yet_is_no_danger(place: Path) -> None:
    refuse_exposed(place / "none" / "demo")
