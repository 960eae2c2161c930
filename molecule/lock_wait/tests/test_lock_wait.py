"""A forgotten transaction is in a migration's way: the migration gives up before users do."""

from __future__ import annotations

from tests.scenario.fleet import DATA, WITHOUT_GATES, Fleet, moment, verdicts

pytest_plugins = ["tests.scenario.fixtures"]

# A session waits two seconds for a lock (stores.yml). migrate_alembic begins three of them, with
# pauses of two and four seconds in between; each takes alembic a moment.
LOCK_TIMEOUT = 2.0
GIVES_UP_WITHIN = 30.0


def test_a_migration_that_waits_for_a_lock_gives_up(fleet: Fleet) -> None:
    before, columns = fleet.instances(), fleet.columns("messages")
    with fleet.users() as users, fleet.reading_without_end():
        outcome = fleet.deploy("2.1-waits-on-a-lock", *WITHOUT_GATES)
    assert outcome.rc != 0
    assert (outcome.verdict, outcome.record["exit"]) == ("restored", 20), str(outcome)
    assert set(verdicts(outcome).values()) == {"restored"}, str(outcome)
    assert outcome.steps(DATA, "failed") == ["migrate.apply:history"], str(outcome)
    assert "lock timeout; transactions are open: psql" in outcome.what, str(outcome)
    begun = moment(outcome, DATA, "migrate.apply:history", "intent")
    waited = moment(outcome, DATA, "migrate.apply:history", "failed") - begun
    assert 3 * LOCK_TIMEOUT < waited < GIVES_UP_WITHIN

    assert users.failed == {}
    assert users.slowest < 2 * LOCK_TIMEOUT, "a request waited for more than one attempt"
    assert not users.lost()
    assert fleet.revision() == "p2_add_user_tool_history"
    assert fleet.columns("messages") == columns
    after = fleet.instances()
    assert (after["app2"], after["app3"]) == (before["app2"], before["app3"]), "of later waves"


def test_afterwards_nothing_is_left_to_do(fleet: Fleet) -> None:
    outcome = fleet.roll_back()
    assert outcome.rc == 0, str(outcome)
    assert "Nothing to do" in outcome.said, str(outcome)
    fleet.assert_invariants("1.1")
