"""sudo is taken away: before a run nothing begins, in the middle the host is held and named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from stagegate.history import unfinished
from tests.scenario import Host, Stage

pytest_plugins = ["tests.scenario.fixtures"]

# Latency is the subject of gate_red: a busy controller must not end these runs before the fault.
QUIET = '{"gates": []}'
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
        outcome = stage.deploy("2.5-lies", "-e", QUIET)
    words = " ".join(outcome.said.split())
    assert outcome.rc != 0
    assert "sudo on the host does not let this account start a module" in words, str(outcome)
    assert "give it back its rule (examples/hosts/sudoers)" in words, str(outcome)
    assert len(host.ledger()) == entries
    assert host.look() == before
    assert not host.locked()


def test_a_right_lost_before_the_way_back_leaves_the_host_held_and_named(stage: Stage) -> None:
    host = stage.host
    entries = len(host.ledger())
    with host.load() as load:
        running = stage.start("deploy.yml", "-e", "release_version=2.5-lies", "-e", QUIET)
        host.wait_for("restart.start", running, entries)
        with narrowed(host):
            outcome = running.wait()
        assert outcome.rc != 0
        assert (outcome.verdict, outcome.record["exit"]) == ("unknown", 30), str(outcome)
        assert outcome.of_host(host.name)["verdict"] == "unknown"
        assert "sudo refuses" in outcome.said, str(outcome)
        assert f"bring back {host.name}" in outcome.record["message"]["next"], str(outcome)
        assert "rollback.yml" in outcome.record["message"]["next"], str(outcome)
        assert host.locked()
        left = unfinished(host.ledger())
        assert left is not None
        assert left.id == outcome.run
        back = stage.roll_back()
        assert (back.rc, back.verdict) == (0, "restored"), str(back)
    stage.assert_invariants("1.1")
    assert not load.lost()


# What a deployment keeps, as it lies on the host, and how somebody would read it.
KEPT = [
    ("cat", "var/lib/stagegate/abathur/ledger.jsonl"),
    ("ls", "var/lib/stagegate/abathur/backups"),
    ("ls", "var/lib/stagegate/abathur/evidence"),
    ("ls", "var/lib/abathur"),
]


@pytest.mark.parametrize(("reader", "path"), KEPT)
def test_the_deploying_user_itself_cannot_touch_it(stage: Stage, reader: str, path: str) -> None:
    machine = stage.host.machine
    assert machine.run(reader, f"/{path}").stdout
    for argv in ([reader], ["rm", "-rf"], ["tee", "-a"], ["chmod", "-R", "a+r"]):
        assert machine.ssh(*argv, f"/{path}").returncode != 0, argv
    assert machine.run(reader, f"/{path}").stdout
