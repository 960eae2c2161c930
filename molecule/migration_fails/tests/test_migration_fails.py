"""A migration that fails, or that leaves another schema than declared, is refused on a copy."""

from __future__ import annotations

import pytest

from tests.scenario import Stage

pytest_plugins = ["tests.scenario.fixtures"]

REFUSED = [
    # release, the step that refuses it, what it must name
    ("2.0-fails-midway", "release.apply:memory", "NOT NULL column"),
    ("2.6-wrong-index", "release.compare:memory", "idx_memory_conflict_detection"),
]


@pytest.mark.parametrize(("version", "step", "named"), REFUSED)
def test_it_is_refused_at_the_rehearsal(stage: Stage, version: str, step: str, named: str) -> None:
    host = stage.host
    before = host.look()
    with host.load() as load:
        outcome = stage.deploy(version)
    assert outcome.rc != 0
    assert outcome.steps(host.name, "failed") == [step], str(outcome)
    assert named in outcome.what, str(outcome)
    assert host.look()["services"] == before["services"], "the services were touched"
    assert host.look()["data"] == before["data"]
    assert host.query(host.backup(outcome.run), "PRAGMA integrity_check") == [["ok"]]
    stage.assert_invariants("1.1")
    assert not load.lost()
