"""A run is gone on with as what it is, on every host that it was begun for."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from stagegate import conduct, parts
from stagegate.errors import BadInput, Refused
from stagegate.history import unfinished
from stagegate.ledger import read_ledger
from stagegate.lock import Lock
from stagegate.plan import deployment_plan, identity
from tests.unit.core.operators import FIRST, KNOWS_IT_DEAD, begin, context, everything, resume_as

RELEASE = {"kind": "archive", "version": "1.1", "digest": "sha256:aa"}
NOUNS: dict[str, Any] = {
    "stores": [{"name": "memory", "kind": "sqlite", "path": "/srv/abathur/abathur.db"}],
    "services": [{"name": "api"}],
    "gates": [{"name": "p99", "limit": 100}],
}
OTHERS = {
    "other artifacts": ({**RELEASE, "digest": "sha256:bb"}, NOUNS, "digest"),
    "another release": ({**RELEASE, "version": "1.2"}, NOUNS, "to"),
    "another system": (RELEASE, {**NOUNS, "services": [{"name": "web"}]}, "inputs"),
    "another inventory": (RELEASE, {**NOUNS, "gates": [{"name": "p99", "limit": 900}]}, "inputs"),
    "another store": (RELEASE, {**NOUNS, "stores": []}, "inputs"),
}


def planned(release: dict[str, Any], nouns: dict[str, Any]) -> dict[str, Any]:
    return deployment_plan(release, "1.0", {}, nouns, running_well=False)


@pytest.mark.parametrize("name", OTHERS)
def test_the_ledger_of_another_system_or_inventory_is_not_resumed(
    tmp_path: Path, name: str
) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    release, nouns, key = OTHERS[name]
    conduct.open_run(context(theirs, "run-1"), planned(release, nouns), FIRST, resume=False)
    shutil.copytree(theirs, ours)
    before = everything(ours)
    wanted = {**planned(release, nouns), **identity(RELEASE, NOUNS)}
    with pytest.raises(BadInput, match=f"run run-1 was begun with {key} ") as caught:
        conduct.open_run(context(ours, "run-1"), wanted, KNOWS_IT_DEAD, resume=True)
    assert caught.value.code == 12
    assert everything(ours) == before
    same = {**planned(release, nouns), **identity(release, nouns)}
    assert conduct.open_run(context(ours, "run-1"), same, KNOWS_IT_DEAD, resume=True) == 2


def test_what_a_look_at_the_host_finds_is_no_part_of_what_a_run_is() -> None:
    found = planned(RELEASE, {**NOUNS, "mend": ["memory"]})
    assert found["freeze"] == ["memory"]
    assert identity(RELEASE, {**NOUNS, "mend": ["memory"]}) == identity(RELEASE, NOUNS)
    assert identity(RELEASE, NOUNS).items() <= found.items()


def test_a_host_that_a_killed_controller_had_not_reached_joins_the_resumed_run(
    tmp_path: Path,
) -> None:
    """It was killed between two locks: one host knows its run, the other one does not."""
    reached, not_yet = tmp_path / "h1", tmp_path / "h2"
    begin(reached)
    begun = [unfinished(read_ledger(reached / "ledger.jsonl").entries).id]
    for state in (reached, not_yet):
        parts.refuse_unknown_run(context(state, "run-1"), begun)
        resume_as(state, "day")
    for state, epoch in ((reached, 2), (not_yet, 1)):
        assert Lock(state).owner()["epoch"] == epoch
        assert unfinished(read_ledger(state / "ledger.jsonl").entries).id == "run-1"


def test_a_run_that_is_unfinished_nowhere_is_not_begun_by_resuming_it(tmp_path: Path) -> None:
    conduct.close_run(begin(tmp_path, "run-0"), "deployed", {})
    for begun in ([], ["run-3"]):
        with pytest.raises(Refused, match="there is no run run-1 to resume"):
            parts.refuse_unknown_run(context(tmp_path, "run-1"), begun)
