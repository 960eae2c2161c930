"""Nothing that is shipped can stop a run at an entry; what a test puts in its place can."""

from __future__ import annotations

import ast
import importlib.util
import inspect
from pathlib import Path

import pytest

from stagegate import failpoint, ledger
from stagegate.ledger import Entry, Ledger, append_entry, read_ledger
from tests.torture.overlay import Order, arm
from tests.torture.points import Point

ENTRY = Entry(1, "run-1", 1, "host1", "migrate", "stage:memory", "intent")


def test_the_shipped_failpoint_reads_nothing_and_does_nothing() -> None:
    tree = ast.parse(inspect.getsource(failpoint))
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert {getattr(n, "module", None) for n in imports} == {"__future__", "typing", "ledger"}
    (reached,) = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    assert [type(n) for n in reached.body] == [ast.Expr]  # its docstring
    assert not [n for n in ast.walk(reached) if isinstance(n, ast.Call)]


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_armed_one_fails_at_its_place_alone_and_so_often_as_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    place = tmp_path / "counted"
    place.mkdir()
    point = Point(when, "migrate", "stage:memory", "intent")
    told = arm(tmp_path / "armed", [Order(point, "error", str(place))])
    armed, shipped = told["ANSIBLE_MODULE_UTILS"].split(":")
    assert (Path(shipped) / "stagegate/failpoint.py").is_file()
    spec = importlib.util.spec_from_file_location("armed", f"{armed}/stagegate/failpoint.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(ledger, "failpoint", module)

    path = tmp_path / "ledger.jsonl"
    with pytest.raises(OSError, match="the failpoint says so"):
        append_entry(path, ENTRY, Ledger((), 0, b"", ledger.GENESIS))
    assert len(read_ledger(path).entries) == (when == "after")
    path.unlink(missing_ok=True)
    append_entry(path, ENTRY, Ledger((), 0, b"", ledger.GENESIS))
    assert read_ledger(path).entries == (ENTRY,)
