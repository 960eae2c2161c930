"""What a sweep takes over from an earlier one, and what it does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.torture import checkout as checkouts
from tests.torture.case import Case, Result
from tests.torture.checkout import READ, checkout, code
from tests.torture.local import LocalWorld
from tests.torture.points import Point
from tests.torture.sweep import Covered, is_prepared, known_points
from tests.torture.systems import TOON

POINT = {"when": "before", "phase": "admit", "step": "hold", "kind": "done", "host": "", "nth": 0}


def kept_world(place: Path, made_with: str) -> LocalWorld:
    """The files of a world that somebody made."""
    world = LocalWorld(TOON, place)
    world.directory.mkdir()
    (world.directory / "ports.json").write_text('{"api": 4711}', encoding="utf-8")
    told = {"made_with": made_with, "points": {"deploy": [POINT]}}
    (world.directory / "points.json").write_text(json.dumps(told), encoding="utf-8")
    return world


def test_a_world_of_this_checkout_is_taken_over(tmp_path: Path) -> None:
    """Its moments start what lies here."""
    world = kept_world(tmp_path, checkout())

    assert is_prepared(world)
    assert known_points(world) == {"deploy": [Point(**POINT)]}


@pytest.mark.parametrize("other", ["/gone", "code"])
def test_a_world_of_another_checkout_is_made_anew(tmp_path: Path, other: str) -> None:
    """The interpreter that its services start may be gone, and its ledger is other code's."""
    made_with = checkout().replace(code(), "0" * 64) if other == "code" else f"/gone{checkout()}"

    assert not is_prepared(kept_world(tmp_path, made_with))


def test_a_world_that_lost_its_files_is_made_anew(tmp_path: Path) -> None:
    """Points alone are no world."""
    world = kept_world(tmp_path, checkout())
    (world.directory / "ports.json").unlink()

    assert not is_prepared(world)


def result(code_of: str, violations: tuple[str, ...] = ()) -> Result:
    """A case that was played."""
    case = Case("toon", "deploy", "kill_step", Point(**POINT), "resume")
    return Result(case.name, True, 1.0, violations, "1.1", "2026-01-01", code_of)


@pytest.mark.parametrize(
    ("played", "held"),
    [
        ([result("this")], True),
        ([result("other")], False),
        ([result("this", ("L the lock is held",))], False),
        ([result("this", ("L the lock is held",)), result("this")], True),
        ([result("this"), result("this", ("L the lock is held",))], False),
    ],
    ids=["held", "other code", "violated", "mended", "broken since"],
)
def test_only_what_this_code_held_is_not_played_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, played: list[Result], held: bool
) -> None:
    """A violated case is played until it holds; one of other code says nothing."""
    monkeypatch.setattr("tests.torture.sweep.code", lambda: "this")
    covered = Covered(tmp_path / "covered-toon-1.jsonl")
    for each in played:
        covered.add(each)

    assert covered.held() == ({played[0].case} if held else set())
    assert covered.results() == played[-1:]


def test_the_code_is_all_that_a_run_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same files are the same code wherever they lie; a changed, new or renamed one is not."""
    monkeypatch.setattr(checkouts, "ROOT", tmp_path)
    role = tmp_path / "roles" / "tasks.yml"
    role.parent.mkdir(parents=True)
    role.write_text("one", encoding="utf-8")
    named = [fresh_code()]
    role.write_text("two", encoding="utf-8")
    named.append(fresh_code())
    renamed = role.rename(role.with_name("other.yml"))
    named.append(fresh_code())
    renamed.with_name("new.yml").touch()
    named.append(fresh_code())
    (renamed.parent / "__pycache__").mkdir()
    (renamed.parent / "__pycache__" / "tasks.pyc").touch()

    assert len(set(named)) == 4
    assert fresh_code() == named[-1]


def test_each_place_that_is_read_is_there() -> None:
    """A place that was renamed would no longer be looked at."""
    made = {"dist"}

    assert not [name for name in READ if name not in made and not (checkouts.ROOT / name).exists()]


def fresh_code() -> str:
    """The code as the files are now."""
    code.cache_clear()
    try:
        return code()
    finally:
        code.cache_clear()
