"""A release's self-test is given the file or the directory of the drilled copy, and only that."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from stagegate import places
from stagegate.errors import StepFailed
from stagegate.journal import open_journal
from stagegate.ledger import read_ledger
from stagegate.rehearsal import open_to, rehearse
from tests.unit.files_store import helpers as files
from tests.unit.jsonl_store import helpers as jsonl
from tests.unit.plain.host import Host, tree

SELFTEST = """
import json, os, sys
facts, library = os.environ["FACTS"], os.environ["LIBRARY"]
with open(facts, "a") as out:
    out.write(json.dumps({"id": "by " + os.getcwd()[-3:]}) + "\\n")
for line in open(facts):
    json.loads(line)
sys.exit(0 if os.path.isdir(library) and not (os.getcwd().endswith("1.0") and %r) else 3)
"""


def params(hosts: list[Host], state: Path, old_is_bad: bool) -> dict[str, Any]:
    stores = [{**host.store, "name": name} for host, name in zip(hosts, ("facts", "library"))]
    for version in ("1.0", "1.1"):
        (state.parent / version).mkdir()
    return {
        "run": {"id": hosts[0].run_id, "state": str(state)},
        "rehearsal": {
            "command": [sys.executable, "-c", SELFTEST % old_is_bad],
            "copies": {"facts": "FACTS", "library": "LIBRARY"},
        },
        "stores": stores,
        "user": "",
        "new_path": str(state.parent / "1.1"),
        "old_path": str(state.parent / "1.0"),
    }


@pytest.mark.parametrize("old_is_bad", [False, True])
def test_new_and_old_release_are_proved_on_both_copies(tmp_path: Path, old_is_bad: bool) -> None:
    records, library = jsonl.make_host(tmp_path / "r"), files.make_host(tmp_path / "l")
    state = records.state
    library_copy = state / "scratch" / records.run_id / "library" / "files"
    records.do("backup")
    library_copy.mkdir(parents=True)
    before = tree(records.old.parent)
    with open_journal(records.run) as journal:
        if old_is_bad:
            with pytest.raises(StepFailed, match=r"1\.0 cannot work on the new schema.*status 3"):
                rehearse(journal, params([records, library], state, old_is_bad))
        else:
            rehearse(journal, params([records, library], state, old_is_bad))
    assert [r["id"] for r in jsonl.records(records.drilled)[-2:]] == ["by 1.1", "by 1.0"]
    assert tree(records.old.parent) == before


def with_programs(tmp_path: Path, old: str, user: str = "") -> tuple[Any, dict[str, Any]]:
    """A host whose new release works on the copy, and what its old one does there."""
    records = jsonl.make_host(tmp_path / "r")
    records.do("backup")
    given = params([records], records.state, old_is_bad=False)
    given["rehearsal"] = {
        "command": [sys.executable, "-B", "bin/selftest.py"],
        "copies": {"facts": "FACTS"},
    }
    given["user"] = user
    for path, text in (
        (given["new_path"], "open(__import__('os').environ['FACTS'])"),
        (given["old_path"], old),
    ):
        (Path(path) / "bin").mkdir()
        (Path(path) / "bin/selftest.py").write_text(text)
    return records, given


@pytest.mark.parametrize(
    ("old", "said"),
    [
        ("import library_that_was_removed", "No module named 'library_that_was_removed'"),
        ("raise SystemExit('certificate has expired')", "certificate has expired"),
        ("import os; os.kill(os.getpid(), 9)", "1.0 cannot work"),
    ],
)
def test_a_former_release_that_does_not_start_any_more_is_found_before_the_first_wave(
    tmp_path: Path, old: str, said: str
) -> None:
    records, given = with_programs(tmp_path, old)
    before = tree(records.old.parent)
    with open_journal(records.run) as journal, pytest.raises(StepFailed) as failed:
        rehearse(journal, given)
    assert "the running release 1.0 cannot work" in failed.value.what
    assert said in failed.value.what + str(entries_of(records)[-1].evidence)
    assert "live data and live release of every host" in failed.value.untouched
    assert tree(records.old.parent) == before


def entries_of(host: Host) -> tuple[Any, ...]:
    """The ledger of a host."""
    return read_ledger(host.state / "ledger.jsonl").entries


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_release_that_only_root_can_read_fails_as_the_service_user() -> None:
    with tempfile.TemporaryDirectory(prefix="stagegate-") as place:
        Path(place).chmod(0o755)
        records, given = with_programs(Path(place), "pass", user="nobody")
        given["rehearsal"]["command"][0] = "/usr/bin/python3"  # one that everybody may run
        program = Path(given["new_path"]) / "bin/selftest.py"
        program.chmod(0o600)
        with open_journal(records.run) as journal, pytest.raises(StepFailed) as failed:
            rehearse(journal, given)
        assert "the new release 1.1 fails its own self-test" in failed.value.what
        assert "Permission denied" in str(entries_of(records)[-1].evidence)
        program.chmod(0o644)
        with open_journal(records.run) as journal:
            rehearse(journal, given)


@pytest.mark.parametrize("make", [jsonl.make_host, files.make_host])
def test_the_places_are_those_of_the_driver(tmp_path: Path, make: Any) -> None:
    host = make(tmp_path)
    run = {"id": host.run_id, "state": str(host.state)}
    assert places.scratch_copy(host.store, run) == str(host.task("backup").rehearsed)
    assert places.generation(host.store, run) == str(host.task("stage").generation)
    assert places.is_live(host.store, str(host.live))
    assert not places.in_place(host.store, "compatible")


def test_a_copied_tree_keeps_its_owners_and_an_empty_one_is_the_users(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    host = files.make_host(tmp_path / "host")
    os.chown(host.old, 12345, 12345)
    host.do("backup")
    before = tree(host.drilled)
    open_to("nobody", host.drilled, host.run.scratch)
    assert tree(host.drilled) == before
    assert host.drilled.parent.stat().st_uid != 0
    fresh = Host(tmp_path / "fresh", "files", "files")
    fresh.do("backup")
    open_to("nobody", fresh.drilled, fresh.run.scratch)
    assert fresh.drilled.stat().st_uid == fresh.drilled.parent.stat().st_uid != 0
