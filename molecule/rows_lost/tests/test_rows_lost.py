"""A migration that loses rows, or that the former release cannot use, is refused on a copy."""

from __future__ import annotations

from tests.scenario import Stage

pytest_plugins = ["tests.scenario.fixtures"]

OLDER_VERSIONS = """
    SELECT count(*) FROM memory_entries AS older WHERE EXISTS (
        SELECT 1 FROM memory_entries AS newer WHERE newer.namespace = older.namespace
        AND newer.key = older.key AND newer.version > older.version)
"""
WITHOUT_EVENTS = "SELECT count(*) FROM sessions WHERE events = '[]'"


def rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number} rows"


def test_lost_rows_are_counted_and_refused(stage: Stage) -> None:
    host = stage.host
    before = host.look()
    with host.load() as load:
        outcome = stage.deploy("2.1-loses-rows")
    assert outcome.rc != 0
    assert outcome.steps(host.name, "failed") == ["release.compare:memory"], str(outcome)
    ((memories,),) = host.query(host.backup(outcome.run), OLDER_VERSIONS)
    ((sessions,),) = host.query(host.backup(outcome.run), WITHOUT_EVENTS)
    assert memories > 0
    assert sessions > 0
    assert f"{rows(memories)} deleted from memory_entries" in outcome.what, str(outcome)
    assert f"{rows(sessions)} deleted from sessions" in outcome.what, str(outcome)
    assert host.look()["services"] == before["services"], "the services were touched"
    stage.assert_invariants("1.1")
    assert not load.lost()


def test_a_schema_that_the_former_release_cannot_use_is_refused(stage: Stage) -> None:
    host = stage.host
    before = host.look()
    with host.load() as load:
        outcome = stage.deploy("2.2-breaks-old")
    assert outcome.rc != 0
    assert outcome.steps(host.name, "failed") == ["release.rehearse"], str(outcome)
    assert "the running release 1.1 cannot work on the new schema" in outcome.what, str(outcome)
    assert host.look()["services"] == before["services"], "the services were touched"
    stage.assert_invariants("1.1")
    assert not load.lost()
