"""A release's own programs run on copies alone, to their end or not at all, once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import BadInput, StepFailed
from stagegate.journal import open_journal
from stagegate.ledger import read_ledger
from stagegate.migrate.command_apply import apply
from stagegate.plain.account import read_account
from tests.unit.files_store import helpers as files
from tests.unit.jsonl_store.helpers import make_host, records
from tests.unit.plain.host import OLD, RUN, Host

TAGS = """
import json, os, sys
place = sys.argv[1]
with open(place) as source, open(place + ".new", "w") as out:
    for line in source:
        out.write(json.dumps({**json.loads(line), "tags": []}) + "\\n")
os.rename(place + ".new", place)
print("gave every fact its tags")
"""
APPEND = """
printf '%s\\n' '{"id": "made"}' >> "$1"
"""


def release(place: Path, migrations: dict[str, str], version: str = "1.1") -> Path:
    """A staged release with programs for migrations."""
    folder = place / "releases" / version / "migrations"
    folder.mkdir(parents=True)
    (folder.parent / "lib").mkdir()
    for name, text in migrations.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    for path in (place, *place.rglob("*")):
        path.chmod(0o755)
    return folder.parent


def migrate(
    host: Host, staged: Path, place: Path, deadline: float = 60.0, python: str = sys.executable
) -> None:
    """What the module does."""
    store: dict[str, Any] = {**host.store, "migrations": {"directory": "migrations"}}
    params = {
        "database": str(place),
        "release_path": str(staged),
        "python": python,
        "deadline": deadline,
    }
    phase = "release" if "scratch" in place.parts else "migrate"
    with open_journal(host.run) as journal:
        apply(journal, phase, store, params)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Facts without tags, in a new generation."""
    made = make_host(tmp_path / "host")
    made.release["expected_changes"] = {"facts": {"changed": 20, "added": {"at_most": 1}}}
    made.do("backup")
    made.do("stage")
    return made


def test_all_pending_programs_run_in_order_and_are_noted(host: Host, tmp_path: Path) -> None:
    staged = release(tmp_path / "r", {"0002_append.sh": APPEND, "0001_tags.py": TAGS})
    before = host.old.read_bytes()
    migrate(host, staged, host.new)
    assert records(host.new)[0]["tags"] == []
    assert records(host.new)[-1] == {"id": "made"}, "the second ran after the first"
    done = read_account(host.new)
    assert [one.name for one in done] == ["0001_tags.py", "0002_append.sh"]
    assert all(len(one.sha256) == 64 for one in done)
    last = read_ledger(host.state / "ledger.jsonl").entries[-1]
    assert last.evidence["applied"] == ["0001_tags.py", "0002_append.sh"]
    assert "gave every fact its tags" in last.evidence["said"]["0001_tags.py"]
    host.do("seal")
    host.guard()
    host.do("activate")
    assert host.old.read_bytes() == before
    assert len(read_account(host.live)) == 2


def test_what_was_applied_is_not_applied_again_by_the_next_release(
    host: Host, tmp_path: Path
) -> None:
    migrate(host, release(tmp_path / "r", {"0001_append.sh": APPEND}), host.new)
    host.release["expected_changes"] = {"facts": {"added": 1}}
    host.do("seal")
    host.guard()
    host.do("activate")
    later = Host(host.place, "jsonl", host.name, "20261122T090000Z-eeee", host.options)
    later.do("backup")
    both = {"0001_append.sh": APPEND, "0002_none.sh": "exit 0\n"}
    staged = release(tmp_path / "r2", both, "1.2")
    migrate(later, staged, later.drilled)
    assert [one.name for one in read_account(later.drilled)] == list(both)
    later.do("compare")
    later.do("stage")
    migrate(later, staged, later.new)
    later.do("seal")
    assert records(later.new).count({"id": "made"}) == 1


def test_a_program_that_changed_since_it_ran_is_refused(host: Host, tmp_path: Path) -> None:
    migrate(host, release(tmp_path / "r", {"0001_append.sh": APPEND}), host.new)
    changed = release(tmp_path / "r2", {"0001_append.sh": APPEND + "# changed\n"})
    with pytest.raises(BadInput, match="what ran once must not change"):
        migrate(host, changed, host.new)


BREAKS = """
import sys
open(sys.argv[1], "w").write("half of it")
sys.exit("cannot go on: " + "x" * 10_000_000 + " for this reason")
"""
KILLS_ITSELF = """
import os, signal, sys
open(sys.argv[1], "w").write("half of it")
os.kill(os.getpid(), signal.SIGKILL)
"""
FALLS_SILENT = """
import subprocess, sys, time
open(sys.argv[1], "w").write("half of it")
child = subprocess.Popen(["sleep", "600"])
open(sys.argv[1] + ".child", "w").write(str(child.pid))
time.sleep(600)
"""
REMOVES = 'rm "$1"\n'


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("0002_breaks.py", BREAKS, "status 1: .*for this reason"),
        ("0002_killed.py", KILLS_ITSELF, "status -9: it said nothing"),
        ("0002_silent.py", FALLS_SILENT, "did not end before its deadline"),
        ("0002_removes.sh", REMOVES, "it left no entries.jsonl"),
        ("0002_missing", "#!/no/such/interpreter\n", "cannot be run: No such file"),
    ],
)
def test_a_program_that_dies_breaks_its_copy_and_nothing_else(
    host: Host, tmp_path: Path, name: str, text: str, words: str
) -> None:
    before = host.old.read_bytes()
    staged = release(tmp_path / "r", {"0001_tags.py": TAGS, name: text})
    with pytest.raises(StepFailed, match=words) as caught:
        migrate(host, staged, host.new, deadline=5.0)
    assert name in caught.value.what
    assert len(caught.value.what) < 5000
    assert [one.name for one in read_account(host.new)] == ["0001_tags.py"]
    assert read_ledger(host.state / "ledger.jsonl").entries[-1].kind == "failed"
    assert host.old.read_bytes() == before
    assert host.target() == OLD
    aside = Path(host.do("restore")["state"]["unfinished"])
    assert aside.name == f"unfinished-gen-{RUN}.1"
    assert not host.new.parent.exists()


def test_whatever_a_late_program_started_is_killed_with_it(host: Host, tmp_path: Path) -> None:
    staged = release(tmp_path / "r", {"0001_silent.py": FALLS_SILENT})
    with pytest.raises(StepFailed, match="deadline"):
        migrate(host, staged, host.new, deadline=5.0)
    child = int(host.new.with_name("entries.jsonl.child").read_text())
    deadline = time.monotonic() + 10
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(child)


def is_alive(pid: int) -> bool:
    """True for a process that is there, and no zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from stagegate.migrate import command_apply
from tests.unit.jsonl_store.helpers import OPTIONS
from tests.unit.migrate.test_command_apply import migrate
from tests.unit.plain.host import Host
command_apply.write_account = lambda *a: os.kill(os.getpid(), signal.SIGKILL)
host = Host(Path(sys.argv[1]), "jsonl", "entries.jsonl", options=OPTIONS)
migrate(host, Path(sys.argv[2]), Path(sys.argv[3]))
"""


def test_killed_itself_between_a_program_and_its_note_the_next_try_is_whole(
    host: Host, tmp_path: Path
) -> None:
    """The program ran, nobody noted it: on the same copy it would run twice."""
    staged = release(tmp_path / "r", {"0001_append.sh": APPEND})
    root = str(Path(__file__).parents[3])
    arguments = [str(host.place), str(staged), str(host.new), root]
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], cwd=root)
    assert done.returncode == -signal.SIGKILL
    assert records(host.new).count({"id": "made"}) == 1
    evidence = host.do("stage")["evidence"]
    assert Path(evidence["unfinished"]).name == f"unfinished-gen-{RUN}.1"
    migrate(host, staged, host.new)
    assert records(host.new).count({"id": "made"}) == 1
    assert host.target() == OLD


def test_what_a_program_leaves_beside_the_data_is_not_sealed(host: Host, tmp_path: Path) -> None:
    migrate(host, release(tmp_path / "r", {"0001_bak.sh": 'cp "$1" "$1.bak"\n'}), host.new)
    with pytest.raises(StepFailed, match=r"holds more than entries\.jsonl: entries\.jsonl\.bak"):
        host.do("seal")


def test_a_sealed_generation_is_not_touched_again(host: Host, tmp_path: Path) -> None:
    staged = release(tmp_path / "r", {"0001_tags.py": TAGS})
    migrate(host, staged, host.new)
    host.do("seal")
    before = host.new.read_bytes()
    migrate(host, staged, host.new)
    assert host.new.read_bytes() == before


WHO = """
import os, sys
from pathlib import Path
place = Path(sys.argv[1])
place.write_text('{"id": "%d"}\\n' % os.geteuid())
try:
    print(Path(sys.argv[1]).parents[1].iterdir().__next__())
except PermissionError:
    print("may not look around")
import helper
"""


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A directory that everybody may pass through."""
    with tempfile.TemporaryDirectory(prefix="stagegate-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def test_a_program_runs_as_the_service_user_with_the_library_of_its_release(
    open_path: Path,
) -> None:
    if os.geteuid() != 0 or not Path("/usr/bin/python3").exists():
        pytest.skip("needs root to become somebody else, and an interpreter that all may run")
    host = make_host(open_path / "host", owner="nobody")
    for place in (host.place, host.data):
        place.chmod(0o755)
    staged = release(open_path / "r", {"0001_who.py": WHO})
    (staged / "lib" / "helper.py").write_text("print('found')\n")
    (staged / "lib" / "helper.py").chmod(0o644)
    host.do("backup")
    for place in (host.new, host.drilled):
        if place == host.new:
            host.do("stage")
        migrate(host, staged, place, python="/usr/bin/python3")
        assert records(place) != [{"id": "0"}]
        said = read_ledger(host.state / "ledger.jsonl").entries[-1].evidence["said"]
        assert said["0001_who.py"] == "may not look around\nfound\n"
    assert not list(staged.rglob("__pycache__"))


def test_a_tree_is_migrated_in_the_same_way(tmp_path: Path) -> None:
    host = files.make_host(tmp_path / "host")
    host.release["expected_changes"] = {"facts": {"added": 1}}
    staged = release(tmp_path / "r", {"0001_version.sh": 'echo 2 > "$1/VERSION"\n'})
    host.do("backup")
    migrate(host, staged, host.drilled)
    assert host.do("compare")["evidence"]["changes"]["facts"]["added"] == 1
    host.do("stage")
    migrate(host, staged, host.new)
    host.do("seal")
    host.guard()
    host.do("activate")
    assert (host.live / "VERSION").read_text() == "2\n"
    assert [one.name for one in read_account(host.live)] == ["0001_version.sh"]


@pytest.mark.parametrize("make", [make_host, files.make_host])
def test_a_first_install_is_rehearsed_on_data_that_hold_nothing(
    tmp_path: Path, make: Callable[[Path], Host]
) -> None:
    like = make(tmp_path / "like")
    host = Host(tmp_path / "host", like.kind, like.name, options=like.options)
    text = 'test -d "$1" && touch "$1/made" || printf \'{"id": "made"}\\n\' > "$1"\n'
    staged = release(tmp_path / "r", {"0001_begin.sh": text})
    host.do("backup")
    migrate(host, staged, host.drilled)
    host.do("compare")
    host.do("stage")
    migrate(host, staged, host.new)
    host.do("seal")
    host.guard()
    host.do("activate")
    assert host.live.exists()
