"""A database that all hosts share goes back by its own way down, and is never left half made."""

from __future__ import annotations

import pytest

from tests.scenario.fleet import (
    DATA,
    DOOR,
    SERVING,
    WITHOUT_GATES,
    Fleet,
    closed_window,
    doors,
    moment,
    state_of,
    verdicts,
)

pytest_plugins = ["tests.scenario.fixtures"]


def test_nobody_is_served_while_the_schema_is_nobodys(fleet: Fleet) -> None:
    """1.2 goes live: every door is shut before its migration begins, and opens after it ended."""
    assert "text" in fleet.columns("messages")
    with fleet.users() as users:
        outcome = fleet.deploy("1.2", *WITHOUT_GATES)
    assert outcome.rc == 0, str(outcome)
    begun = moment(outcome, DATA, "migrate.apply:history", "intent")
    ended = moment(outcome, DATA, "migrate.apply:history")
    for name in SERVING:
        assert moment(outcome, DOOR, f"quiesce.close:{name}") < begun, name
        assert moment(outcome, DOOR, f"admit.open:{name}", "intent") > ended, name
    assert users.failed_outside(*closed_window(outcome, "quiesce", "admit")) == {}
    assert not users.lost()
    assert fleet.revision() == "p3_split_messages"
    assert "text" not in fleet.columns("messages")
    fleet.assert_invariants("1.2")


def test_a_reversible_release_is_led_down_with_what_was_written_on_it(fleet: Fleet) -> None:
    with fleet.users() as users:
        users.wait_for(50)
        outcome = fleet.play("deploy.yml", "--tags", "rollback")
        users.wait_for(50)
    assert outcome.rc == 0, str(outcome)
    assert outcome.verdict == "restored", str(outcome)
    assert fleet.hosts[DATA].way_back(outcome) == "R3"
    assert state_of(outcome, DATA, "rollback.revert:history")["reverted"] == ["p3_split_messages"]
    begun = moment(outcome, DATA, "rollback.revert:history", "intent")
    for name in SERVING:
        assert moment(outcome, name, "rollback.hold") < begun, name
    assert users.failed_outside(*closed_window(outcome, "rollback")) == {}
    assert not users.lost()
    assert fleet.revision() == "p2_add_user_tool_history"
    assert "text" in fleet.columns("messages")
    fleet.assert_invariants("1.1")


def test_an_index_that_could_not_be_built_is_taken_away(fleet: Fleet) -> None:
    before = fleet.instances()
    with fleet.users() as users:
        outcome = fleet.deploy("2.0-live-index", *WITHOUT_GATES)
    assert outcome.rc != 0
    assert (outcome.verdict, outcome.record["exit"]) == ("restored", 20), str(outcome)
    assert outcome.steps(DATA, "failed") == ["migrate.apply:history"], str(outcome)
    assert "half migrated: index idx_messages_user_text (new)" in outcome.what, str(outcome)
    assert state_of(outcome, DATA, "rollback.restore:history")["dropped"] == [
        "idx_messages_user_text"
    ]
    assert users.failed == {}
    assert not users.lost()
    after = fleet.instances()
    assert (after["app2"], after["app3"]) == (before["app2"], before["app3"]), "of later waves"
    fleet.assert_invariants("1.1")


REFUSED = [
    # release, the step that refuses it, what it must name
    ("2.0-invalid-index", "release.apply:history", "idx_messages_user_text"),
    ("2.2-lossy-downgrade", "release.apply:history", "messages.text is not what it was"),
    ("2.5-unreadable", "release.rehearse", "the running release 1.1 cannot work"),
]


@pytest.mark.parametrize(("version", "step", "named"), REFUSED)
def test_it_is_refused_at_the_rehearsal(fleet: Fleet, version: str, step: str, named: str) -> None:
    before = fleet.instances()
    with fleet.users() as users:
        outcome = fleet.deploy(version, *WITHOUT_GATES)
    assert outcome.rc != 0
    assert set(verdicts(outcome).values()) == {"restored"}, str(outcome)
    assert outcome.steps(DATA, "failed") == [step], str(outcome)
    assert named in outcome.what, str(outcome)
    assert not any("close" in did for did in doors(outcome)), "a door was touched"
    assert fleet.instances() == before, "a service was touched"
    assert users.failed == {}
    assert not users.lost()
    fleet.assert_invariants("1.1")
