"""Only what nobody can need any more is removed, and every night a backup is made."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stagegate import daily_backup
from stagegate.ledger import read_ledger
from tests.unit.files_store import helpers as files
from tests.unit.jsonl_store import helpers as jsonl
from tests.unit.plain.host import OLD, Host

Make = Callable[..., Host]
both = pytest.mark.parametrize(
    "make", [pytest.param(jsonl.make_host, id="jsonl"), pytest.param(files.make_host, id="files")]
)


@pytest.fixture(autouse=True)
def nobody_has_it_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking every process of a busy machine takes its time, and is tested elsewhere."""
    monkeypatch.setattr("stagegate.store.openers.find_holders", lambda *_: [])


def run_id(n: int) -> str:
    return f"202611{n:02}T000000Z-ab12"


def at(host: Host, n: int) -> Host:
    """The same host in its n-th run."""
    return Host(host.place, host.kind, host.name, run_id(n), host.options, host.release)


def deployed(host: Host, n: int) -> Host:
    """The n-th run, from its beginning to its end."""
    now = at(host, n)
    now.opened()
    now.deploy()
    now.closed()
    (now.state / "guard").unlink()
    return now


def backups(host: Host) -> list[str]:
    return sorted(p.parent.name for p in (host.state / "backups").glob("*/facts"))


def generations(host: Host) -> list[str]:
    return sorted(p.name for p in (host.data / "generations").iterdir())


@both
def test_keeps_the_newest(tmp_path: Path, make: Make) -> None:
    host = make(tmp_path, keep=2)
    for n in range(1, 5):
        deployed(host, n)
    at(host, 9).do("prune")
    assert backups(host) == [run_id(3), run_id(4)]
    assert generations(host) == [f"gen-{run_id(3)}", f"gen-{run_id(4)}"]
    assert host.live.exists()
    assert not at(host, 9).do("prune")["changed"]


@both
def test_keeps_what_is_pinned_and_what_failed(tmp_path: Path, make: Make) -> None:
    host = make(tmp_path, keep=1)
    failed = at(host, 1)
    failed.opened()
    failed.deploy()
    failed.do("restore")
    failed.closed("restored")
    (failed.backup / "pinned").touch()
    for n in range(2, 5):
        deployed(host, n)
    at(host, 9).do("prune")
    assert backups(host) == [run_id(1), run_id(4)]
    assert failed.new.exists(), "a generation that failed is evidence"
    assert (failed.evidence / "pinned").exists()


@both
def test_keeps_what_a_rollback_needs(tmp_path: Path, make: Make) -> None:
    host = make(tmp_path, keep=1)
    first = deployed(host, 1)
    for n in range(2, 4):
        later = at(host, n)
        later.opened()
        later.do("backup")
        later.do("stage")
        later.do("restore")
        later.closed("restored")
    at(host, 9).do("prune")
    assert OLD in generations(host), "the last switch came from here"
    assert first.new.exists(), "this is live"


@both
def test_the_live_generation_that_was_carried_over_is_kept(tmp_path: Path, make: Make) -> None:
    host = make(tmp_path, keep=1)
    first = at(host, 1)
    first.opened("1.0")
    first.deploy()
    first.started()
    if host.kind == "jsonl":
        jsonl.append(first, jsonl.fact(500))
    first.do("delta")
    first.do("restore")
    first.closed("restored")
    (first.state / "guard").unlink()
    for n in range(2, 5):
        at(host, n).do("backup")
    at(host, 9).do("prune")
    assert first.live.exists()
    assert first.new.exists()


def daily(host: Host, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    config = {"system": "toon", "host": "host1", "state": str(host.state), "stores": [host.store]}
    place = host.place / "daily.json"
    place.write_text(json.dumps({**config, "keep": 2}))
    status = daily_backup.main(["--config", str(place)])
    told: dict[str, object] = {"status": status, **json.loads(capsys.readouterr().out)}
    return told


@both
def test_every_night_a_copy_is_drilled_and_noted(
    tmp_path: Path, make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    host = make(tmp_path)
    told = daily(host, capsys)
    assert (told["status"], told["ok"]) == (0, True)
    entries = read_ledger(host.state / "ledger.jsonl").entries
    assert [(e.run, e.phase, e.step, e.kind) for e in entries] == [
        (told["run"], "backup", "store:facts", "observed")
    ]
    assert not (host.state / "scratch" / str(told["run"])).exists()
    directory = host.state / "backups" / str(told["run"]) / "facts"
    assert host.do("verify", directory=str(directory))["evidence"]["level"] == 3


def test_a_night_with_damaged_records_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host = jsonl.make_host(tmp_path)
    with host.old.open("ab") as out:
        out.write(b"{\n")
    told = daily(host, capsys)
    assert (told["status"], told["ok"]) == (20, False)
    assert "line 21" in str(told["what"])
    assert backups(host) == []
