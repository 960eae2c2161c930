"""Behind one door and over one database: forward wave by wave, back in reverse, nobody notices."""

from __future__ import annotations

import itertools
import re

from tests.scenario import Outcome, smoke_counts
from tests.scenario.fleet import DATA, DOOR, SERVING, SMOKE_TESTS, Fleet, doors, moment, verdicts

pytest_plugins = ["tests.scenario.fixtures"]

HISTORY_INDEXES = [
    "idx_user_tool_history_created_at",
    "idx_user_tool_history_metrics",
    "idx_user_tool_history_success",
    "idx_user_tool_history_tool_name",
    "idx_user_tool_history_user_created",
    "idx_user_tool_history_user_id",
]
FORWARD = [f"{step}:{name}" for name in SERVING for step in ("quiesce.close", "admit.open")]
BACK = [f"rollback.{step}:{name}" for name in reversed(SERVING) for step in ("close", "open")]


def assert_all_smoke_tests_passed(outcome: Outcome) -> None:
    for name in SERVING:
        assert smoke_counts(outcome, name) == (SMOKE_TESTS, SMOKE_TESTS), name


def test_an_upgrade_under_load_goes_wave_by_wave(fleet: Fleet) -> None:
    with fleet.users() as users:
        outcome = fleet.deploy("1.1")
    assert outcome.rc == 0, str(outcome)
    assert (outcome.verdict, outcome.record["release"]) == (
        "deployed",
        {"from": "1.0", "to": "1.1"},
    )
    assert doors(outcome) == FORWARD
    for former, later in itertools.pairwise(SERVING):
        proved = moment(outcome, former, "gate.evaluate")
        assert proved < moment(outcome, DOOR, f"quiesce.close:{later}", "intent"), later
    migrated = moment(outcome, DATA, "migrate.seal:history")
    assert migrated < moment(outcome, SERVING[0], "restart.start", "intent")
    assert_all_smoke_tests_passed(outcome)

    assert users.requests > 500
    assert users.failed == {}
    assert not users.lost()
    assert fleet.revision() == "p2_add_user_tool_history"
    found = fleet.indexes("user_tool_history")
    assert [name for name in found if name.startswith("idx_")] == HISTORY_INDEXES
    fleet.assert_invariants("1.1")


def test_a_release_that_is_bad_on_the_third_host_goes_back_from_all(fleet: Fleet) -> None:
    with fleet.users() as users:
        outcome = fleet.deploy("2.3-third-host")
    assert outcome.rc != 0
    assert (outcome.verdict, outcome.record["exit"]) == ("restored", 21), str(outcome)
    assert set(verdicts(outcome).values()) == {"restored"}, str(outcome)
    failed = {(name, step) for name in fleet.hosts for step in outcome.steps(name, "failed")}
    assert failed == {(SERVING[-1], "smoke.smoke")}
    assert "test_t18_six_intents_are_recognised" in outcome.what, str(outcome)
    assert doors(outcome) == [*FORWARD[:-1], *BACK], "the third host's door was never opened to it"
    ways = {name: fleet.hosts[name].way_back(outcome) for name in SERVING}
    assert ways == {"app1": "R2", "app2": "R2", "app3": "R1"}
    assert_all_smoke_tests_passed(outcome)

    assert users.failed == {}
    assert not users.lost()
    fleet.assert_invariants("1.1")


def test_the_same_release_again_changes_nothing(fleet: Fleet) -> None:
    before = fleet.instances()
    outcome = fleet.deploy("1.1")
    assert outcome.rc == 0, str(outcome)
    assert outcome.verdict == "no_op", str(outcome)
    changed = re.findall(r"\bchanged=(\d+)", outcome.said)
    assert changed == ["0"] * len(fleet.hosts), str(outcome)
    assert fleet.instances() == before
    fleet.assert_invariants("1.1")
