"""The deploying user loses its right: before a run nothing happens, in the middle the host is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.scenario import Host, Stage

pytest_plugins = ["tests.scenario.fixtures"]

RULE, AWAY = "/etc/sudoers.d/stagegate", "/root/stagegate"


def narrow(host: Host) -> None:
    """Take the rule away; sudo refuses from now on."""
    assert host.machine.run("mv", RULE, AWAY).returncode == 0
    assert host.machine.ssh("sudo", "-n", "id").returncode != 0


def widen(host: Host) -> None:
    """Give the rule back."""
    assert host.machine.run("mv", AWAY, RULE).returncode == 0


@contextmanager
def narrowed(host: Host) -> Iterator[None]:
    narrow(host)
    try:
        yield
    finally:
        widen(host)


def test_without_the_right_nothing_begins(stage: Stage) -> None:
    host = stage.host
    before, entries = host.look(), len(host.ledger())
    with narrowed(host):
        outcome = stage.deploy("2.4-slow")
    print(outcome)
    assert outcome.rc != 0
    assert len(host.ledger()) == entries
    assert host.look() == before
    stage.assert_invariants("1.1")


def test_a_right_lost_before_the_way_back(stage: Stage) -> None:
    host = stage.host
    entries = len(host.ledger())
    with host.load() as load:
        running = stage.start("deploy.yml", "-e", "release_version=2.4-slow")
        host.wait_for("gate.evaluate", running, entries)
        with narrowed(host):
            outcome = running.wait()
    print(outcome)
    print(host.look())
    back = stage.roll_back()
    print(back)
    assert back.rc == 0, str(back)
    stage.assert_invariants("1.1")
    assert not load.lost()
    assert 0
