"""A person wants the former release back: with every write, or knowing exactly what is given up."""

from __future__ import annotations

from pathlib import Path

from tests.scenario import Host, Stage, smoke_counts

pytest_plugins = ["tests.scenario.fixtures"]


def test_a_compatible_release_goes_back_with_the_writes_made_on_it(stage: Stage) -> None:
    host = stage.host
    with host.load() as load:
        assert stage.deploy("1.1").rc == 0
        since = load.size()
        outcome = stage.play("deploy.yml", "--tags", "rollback")
        assert load.size() > since
    assert outcome.rc == 0, str(outcome)
    assert outcome.verdict == "restored", str(outcome)
    assert smoke_counts(outcome, host.name) == (35, 35)
    stage.assert_invariants("1.0")
    assert not load.lost()


def test_a_second_rollback_has_nothing_to_do(stage: Stage) -> None:
    before = stage.host.look()
    for arguments in (("deploy.yml", "--tags", "rollback"), ("playbooks/rollback.yml",)):
        outcome = stage.play(*arguments)
        assert outcome.rc == 0, str(outcome)
        assert "Nothing to do" in outcome.said, str(outcome)
    after = stage.host.look()
    assert after["services"] == before["services"]
    assert (after["release"], after["data"]) == (before["release"], before["data"])
    stage.assert_invariants("1.0")


def test_a_one_way_release_goes_back_only_for_the_exact_price(stage: Stage, tmp_path: Path) -> None:
    host = stage.host
    assert stage.deploy("1.1").rc == 0
    outcome = stage.deploy("1.2-one-way")
    assert outcome.rc == 0, str(outcome)
    with host.load("given-up") as load:
        load.wait_for(200)

    refused = stage.roll_back()
    assert refused.rc != 0
    assert refused.verdict == "fenced", str(refused)
    exported = f"/var/lib/stagegate/abathur/evidence/{outcome.run}/memory/delta.jsonl"
    rows = host.read(exported).splitlines()
    assert len(rows) > 200
    assert f"-e accept_data_loss={len(rows)}" in refused.record["message"]["next"], str(refused)
    assert_fenced(host)

    wrong = stage.roll_back("-e", f"accept_data_loss={len(rows) + 1}")
    assert wrong.rc != 0
    assert f"not {len(rows) + 1} as accept_data_loss says" in wrong.what, str(wrong)
    assert_fenced(host)

    accepted = stage.roll_back("-e", f"accept_data_loss={len(rows)}")
    assert accepted.rc == 0, str(accepted)
    assert accepted.verdict == "restored", str(accepted)
    assert host.read(exported).splitlines() == rows
    stage.assert_invariants("1.1")
    assert load.lost(), "the former data cannot hold what was given up"
    delta = tmp_path / "delta.jsonl"
    delta.write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert not load.lost(accepted=delta)


def assert_fenced(host: Host) -> None:
    """Nothing runs, nothing can start, the data are sound, the lock is held."""
    seen = host.look()
    assert [s["ActiveState"] for s in seen["services"].values()] == ["inactive"] * 2
    assert seen["guarded"]
    assert seen["locked"]
    assert seen["integrity"] == []


def test_the_consent_does_not_outlive_its_run(stage: Stage) -> None:
    outcome = stage.roll_back()
    assert outcome.rc == 0, str(outcome)
    assert "Nothing to do" in outcome.said, str(outcome)
    stage.assert_invariants("1.1")
