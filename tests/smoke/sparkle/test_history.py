"""Smoke tests 27 to 36: executions of tools are remembered, rated, and learned from.

Release 1.0 has none of it: there, in place of each, it is asserted that the endpoint is absent.
"""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.smoke.sparkle.client import eventually

METHODS = {
    "record_tool_execution",
    "get_tool_success_rate",
    "get_user_preferred_tools",
    "get_tool_statistics",
    "get_recent_failed_tools",
    "update_user_satisfaction",
    "cleanup_old_records",
}
FUNCTIONS = {
    "gather_evidence",
    "score_tool",
    "hour_factor",
    "success_probability",
    "should_retry",
    "rank_tools",
    "choose_tool",
    "explain_choice",
}
MANY = 30
pytestmark = pytest.mark.new_in("1.1", "GET", "/history")


@pytest.fixture
def asked(service):
    """Ask the history about a user."""
    return lambda what, user, **query: service.expect(
        200, "GET", f"/history{what}", user_id=user, **query
    )


def test_t27_the_service_has_its_seven_methods(service):
    assert set(service.expect(200, "GET", "/capabilities")["tool_history_service"]) == METHODS


def test_t28_the_preference_router_has_its_eight_functions(service):
    assert set(service.expect(200, "GET", "/capabilities")["tool_preference_router"]) == FUNCTIONS


def test_t29_an_answered_question_is_recorded(service, data, asked):
    user = data.user()
    service.expect(200, "POST", "/chat", {"user_id": user, "text": "add 2 and 3"})
    service.expect(200, "POST", "/chat", {"user_id": user, "text": "add nothing"})
    failed, well = eventually(lambda: rows_of(asked, user, 2))
    assert (well["tool_name"], well["success"]) == ("calculator", True)
    assert (failed["tool_name"], failed["success"]) == ("calculator", False)
    assert "number" in failed["error_message"]
    for row in (well, failed):
        assert row["execution_time_ms"] >= 0
        assert datetime.fromisoformat(row["created_at"])


def test_t30_many_executions_are_taken_at_once_and_all_are_written(service, data, asked):
    body = {"user_id": data.user(), "tool_name": "smoke", "success": True}
    for number in range(MANY):
        given = {**body, "input_args": {"number": number}}
        assert service.expect(202, "POST", "/history", given) == {"accepted": True}
    rows = eventually(lambda: rows_of(asked, body["user_id"], MANY))
    assert sorted(row["input_args"]["number"] for row in rows) == list(range(MANY))


def test_t31_a_success_rate_is_right(service, data, asked):
    user = data.user()
    assert asked("/success-rate", user, tool_name="quiz")["success_rate"] == 0.0
    data.executions(user, "quiz", True, True, False, True)
    # Asked before, and not answered from what was kept of then.
    rate = asked("/success-rate", user, tool_name="quiz")
    assert (rate["uses"], rate["success_rate"]) == (4, 75.0)


def test_t32_preferred_tools_come_with_their_scores(service, data, asked):
    user = data.user()
    data.executions(user, "planner", True, False)
    data.executions(user, "quiz", True, True)
    # 70 % of the rate, 30 % of the uses out of ten.
    scores = [
        (tool["tool_name"], tool["preference_score"]) for tool in asked("/preferred", user)["tools"]
    ]
    assert scores == [("quiz", 0.76), ("planner", 0.41)]


def test_t33_the_router_prefers_what_did_well(service, data, asked):
    question = {"user_id": data.user(), "text": "prepare the exam"}
    first = service.expect(200, "POST", "/route", question)
    assert (first["tool"], first["reason"]) == ("planner", "words")
    data.executions(question["user_id"], "quiz", True, True)
    learned = service.expect(200, "POST", "/route", question)
    assert (learned["tool"], learned["reason"]) == ("quiz", "preference")
    ranked = asked("/preferences", question["user_id"], tool_name=["planner", "quiz"])["tools"]
    assert [tool["tool_name"] for tool in ranked] == ["quiz", "planner"]
    assert ranked[0]["success_probability"] > ranked[1]["success_probability"]


def test_t34_statistics_and_recent_failures_are_right(service, data, asked):
    user = data.user()
    data.executions(user, "quiz", True, execution_time_ms=10)
    failed = data.executions(user, "quiz", False, False, execution_time_ms=40, error_type="Smoke")
    figures = asked("/statistics", user, tool_name="quiz")
    assert (figures["uses"], figures["successes"], figures["slowest_ms"]) == (3, 1, 40)
    assert figures["average_ms"] == pytest.approx(30)
    recent = asked("/failed", user)["failed"]
    assert [row["id"] for row in recent] == failed[::-1]
    assert {row["error_type"] for row in recent} == {"Smoke"}


def test_t35_what_a_user_thought_is_kept(service, data, asked):
    user = data.user()
    (record,) = data.executions(user, "quiz", True)
    path = f"/history/{record}/satisfaction"
    service.expect(422, "PUT", path, {"user_satisfaction": 6})
    service.expect(200, "PUT", path, {"user_satisfaction": 4, "was_helpful": True})
    (row,) = asked("", user)["history"]
    assert (row["user_satisfaction"], row["was_helpful"]) == (4, True)
    assert asked("/statistics", user)["satisfaction"] == 4.0


def test_t36_nothing_younger_than_90_days_can_be_cleaned_up(service, data, asked):
    user = data.user()
    written = data.executions(user, "quiz", True)
    service.expect(422, "POST", "/history/cleanup", {"older_than_days": 89})
    assert [row["id"] for row in asked("", user)["history"]] == written


def rows_of(asked, user, wanted):
    """Return a user's history, the newest first; empty until it has as many rows as wanted."""
    rows = asked("", user, limit=100)["history"]
    return rows if len(rows) >= wanted else []
