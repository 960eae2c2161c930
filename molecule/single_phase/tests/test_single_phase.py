"""A phase by itself does what its name says and no more; what cannot stand alone is refused."""

from __future__ import annotations

import pytest

from tests.scenario import Stage

pytest_plugins = ["tests.scenario.fixtures"]


@pytest.mark.parametrize("arguments", [("deploy.yml", "--tags", "smoke"), ("playbooks/smoke.yml",)])
def test_the_smoke_tests_alone_open_no_run(stage: Stage, arguments: tuple[str, ...]) -> None:
    host = stage.host
    before, entries = host.look(), len(host.ledger())
    outcome = stage.play(*arguments)
    assert outcome.rc == 0, str(outcome)
    written = host.ledger()[entries:]
    assert {(entry.phase, entry.step) for entry in written} == {("smoke", "smoke")}
    assert (written[-1].kind, written[-1].evidence["passed"]) == ("done", 35)
    assert host.look()["services"] == before["services"]
    host.assert_invariants("1.0")


def test_a_backup_alone_is_drilled_and_kept(stage: Stage) -> None:
    host = stage.host
    before = host.look()
    with host.load() as load:
        outcome = stage.play("deploy.yml", "--tags", "backup")
    assert outcome.rc == 0, str(outcome)
    assert host.query(host.backup(outcome.run), "PRAGMA integrity_check") == [["ok"]]
    assert host.look()["services"] == before["services"]
    host.assert_invariants("1.0")
    assert not load.lost()


REFUSED = [
    # what was typed -> what is said about it
    (("deploy.yml", "--tags", "smoek"), "there is no phase 'smoek'"),
    (("deploy.yml", "--tags", "migrate"), "migrate on abathur-m1 is a part of a run"),
    (("deploy.yml", "--tags", "restart"), "restart on abathur-m1 is a part of a run"),
    (("playbooks/migrate.yml",), "migrate on abathur-m1 is a part of a run"),
    (("deploy.yml", "-e", "release_version=1.1", "--skip-tags", "gate"), "cannot be skipped"),
    (("deploy.yml", "-e", "release_version=9.9"), "no release 9.9"),
    (("deploy.yml",), "release_version"),
]


@pytest.mark.parametrize(("arguments", "said"), REFUSED)
def test_what_cannot_be_is_refused(stage: Stage, arguments: tuple[str, ...], said: str) -> None:
    host = stage.host
    before = host.look()
    outcome = stage.play(*arguments)
    assert outcome.rc != 0
    assert said in " ".join(outcome.said.split()), str(outcome)
    assert host.look() == before


def test_an_inventory_that_is_not_there_is_no_success(stage: Stage) -> None:
    before = stage.host.look()
    outcome = stage.play("deploy.yml", "-i", "nope", "-e", "release_version=1.1")
    assert outcome.rc != 0
    assert "nope" in outcome.said
    assert stage.host.look() == before
