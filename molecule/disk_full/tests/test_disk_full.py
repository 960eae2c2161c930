"""A disk without room: refused in numbers before the start, put back when it fills up later."""

from __future__ import annotations

import re

from tests.scenario import Stage

pytest_plugins = ["tests.scenario.fixtures"]

RESERVE = 64 * 2**20
DATA = "/var/lib/abathur"


def test_too_little_room_is_refused_in_bytes(stage: Stage) -> None:
    host = stage.host
    before, entries = host.look(), len(host.ledger())
    with host.load() as load:
        free = host.machine.fill(DATA, leave=RESERVE - 2**20)
        outcome = stage.deploy("1.1")
        since = load.size()
        load.wait_for(30)
        assert load.size() > since
    host.machine.unfill()
    assert outcome.rc != 0
    said = re.search(r"needs (\d+) bytes, (\d+) are free", " ".join(outcome.said.split()))
    assert said, str(outcome)
    assert int(said[1]) > RESERVE
    assert int(said[2]) <= free
    assert len(host.ledger()) == entries, "a refused run is not written into a full disk"
    assert host.look()["services"] == before["services"], "the services were touched"
    stage.assert_invariants("1.0")
    assert not load.lost()


def test_a_disk_that_fills_up_during_the_backup_is_survived(stage: Stage) -> None:
    host = stage.host
    entries = len(host.ledger())
    with host.load() as load:
        running = stage.start("deploy.yml", "-e", "release_version=1.1")
        host.wait_for("backup.store:memory", running, entries)
        host.machine.fill(DATA)
        outcome = running.wait()
        host.machine.unfill()
    assert outcome.rc != 0
    assert "No space left" in outcome.said or "not enough space" in outcome.said, str(outcome)
    back = stage.roll_back()
    assert back.rc == 0, str(back)
    stage.assert_invariants("1.0")
    assert not load.lost()


def test_with_room_again_the_same_release_goes_live(stage: Stage) -> None:
    outcome = stage.deploy("1.1")
    assert outcome.rc == 0, str(outcome)
    stage.assert_invariants("1.1")
    assert not stage.host.load().lost()
