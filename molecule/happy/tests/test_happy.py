"""A good release goes live under load: every test green, every write kept, everything reported."""

from __future__ import annotations

import itertools

from tests.scenario import Stage, smoke_counts

pytest_plugins = ["tests.scenario.fixtures"]

PHASES = [
    "preflight",
    "baseline",
    "backup",
    "release",
    "quiesce",
    "migrate",
    "restart",
    "smoke",
    "admit",
    "gate",
    "observe",
    "report",
]


def test_an_upgrade_under_load_loses_no_write(stage: Stage) -> None:
    host = stage.host
    with host.load() as load:
        outcome = stage.deploy("1.1")
    assert outcome.rc == 0, str(outcome)
    assert (outcome.verdict, outcome.record["release"]) == (
        "deployed",
        {"from": "1.0", "to": "1.1"},
    )
    assert smoke_counts(outcome, host.name) == (35, 35)
    assert load.acknowledged() > 100
    stage.assert_invariants("1.1")
    assert not load.lost()

    entries = outcome.of_host(host.name)["entries"]
    assert [phase for phase, _ in itertools.groupby(e["phase"] for e in entries)] == PHASES
    moments = [e["t_mono"] for e in entries]
    assert moments == sorted(moments)
    assert [g["name"] for g in outcome.of_host(host.name)["gates"] if g["verdict"] == "red"] == []
    report = (outcome.artifacts / outcome.run / "report.html").read_text(encoding="utf-8")
    assert outcome.run in report
    assert host.name in report


def test_what_was_backed_up_is_what_was_live(stage: Stage) -> None:
    """The copy of the last run is there, and holds the rows that the record says."""
    host = stage.host
    done = [
        e for e in host.ledger() if (e.phase, e.step, e.kind) == ("backup", "store:memory", "done")
    ]
    copy = host.backup(done[-1].run)
    assert host.query(copy, "PRAGMA integrity_check") == [["ok"]]
    rows = done[-1].evidence["tables"]
    assert rows["sessions"] > 0
    for table, number in rows.items():
        assert host.query(copy, f"SELECT count(*) FROM {table}") == [[number]]


def test_the_nightly_backup_works_by_itself(stage: Stage) -> None:
    """The timer waits for the night; what it starts takes a drilled copy without a controller."""
    host = stage.host
    timer = host.machine.run("systemctl", "is-active", "stagegate-backup-abathur.timer")
    assert timer.stdout.strip() == "active"
    before = set(host.files("/var/lib/stagegate/abathur/backups"))
    done = host.machine.run("systemctl", "start", "stagegate-backup-abathur.service")
    assert done.returncode == 0, done.stderr
    (made,) = set(host.files("/var/lib/stagegate/abathur/backups")) - before
    assert host.query(host.backup(made), "PRAGMA integrity_check") == [["ok"]]
    host.assert_invariants("1.1")
