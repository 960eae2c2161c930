"""The history of tools is recorded behind the request, and tells what it was asked."""

from __future__ import annotations

import time

import pytest

METHODS = [
    "record_tool_execution",
    "get_tool_success_rate",
    "get_user_preferred_tools",
    "get_tool_statistics",
    "get_recent_failed_tools",
    "update_user_satisfaction",
    "cleanup_old_records",
]


@pytest.fixture
def record(service, user):
    """Record an execution, and wait for its id."""

    def record(tool="quiz", success=True, **more):
        body = {"user_id": user, "tool_name": tool, "success": success, **more}
        return service.post("/history?durable=true", body, 201)["id"]

    return record


def test_it_has_its_seven_methods(service):
    assert service.get("/capabilities")["tool_history_service"] == METHODS


def test_recording_does_not_wait_unless_that_is_asked_for(service, user):
    body = {"user_id": user, "tool_name": "quiz", "success": True}
    times = []
    for _ in range(30):
        begin = time.perf_counter()
        assert service.post("/history", body, 202) == {"accepted": True}
        times.append(time.perf_counter() - begin)
    assert service.post("/history?durable=true", body, 201)["id"]
    # The durable one came last, and there is one queue.
    assert service.get(f"/history/statistics?user_id={user}")["uses"] == 31
    # The fastest says what recording costs; the slowest, what else this machine does.
    assert min(times) < 0.010


def test_an_execution_comes_back_with_all_that_was_said_of_it(service, user, record):
    said = {
        "execution_time_ms": 42,
        "error_message": "no answer",
        "error_type": "Timeout",
        "tool_category": "practice",
        "context_snapshot": {"page": 3, "name": "\u00e9"},
        "input_args": {"level": "hard"},
        "output_summary": "nothing",
    }
    made = record(success=False, **said)
    (row,) = service.get(f"/history?user_id={user}")["history"]
    assert {name: row[name] for name in said} == said
    assert (row["id"], row["created_at"]) == (made, row["updated_at"])


def test_one_that_the_schema_refuses_takes_no_other_along(service, user):
    def lost():
        lines = service.get("/metrics").splitlines()
        (errors,) = [line for line in lines if "record_errors_total{" in line]
        return float(errors.split()[-1])

    before, good = lost(), {"user_id": user, "tool_name": "quiz", "success": True}
    for body in (good, {**good, "user_id": 2**31 - 1}, {**good, "input_args": {"nul": "\0"}}) * 5:
        service.post("/history", body, 202)
    for bad in ({**good, "user_id": 2**31 - 1}, {**good, "input_args": {"nul": "\0"}}):
        assert service.ask("POST", "/history?durable=true", bad)[0] == 422
    assert service.get(f"/history/statistics?user_id={user}")["uses"] == 5
    # For whom nobody is, nothing can be lost: a user may be deleted while an execution waits.
    assert lost() - before == 6


def test_what_a_user_did_goes_with_the_user(service, lived_in, user, record):
    made = record()
    rate = f"/history/success-rate?user_id={user}&tool_name=quiz"
    assert service.get(rate)["uses"] == 1
    service.post("/messages", {"key": f"of-{user}", "text": "mine", "user_id": user}, 201)
    assert service.ask("DELETE", f"/users/{user}") == (204, "")
    assert service.get(rate)["uses"] == 0
    assert service.ask("GET", f"/messages/of-{user}")[0] == 404
    assert lived_in.sql(f"SELECT id FROM user_tool_history WHERE id = {made}") == ""
    assert service.ask("DELETE", f"/users/{user}")[0] == 404


def test_rates_and_statistics_are_of_one_tool_or_of_all(service, user, record):
    for success in (True, True, False):
        record("quiz", success, execution_time_ms=10)
    record("planner", True, execution_time_ms=50)
    rate = service.get(f"/history/success-rate?user_id={user}&tool_name=quiz")
    assert rate == {"tool_name": "quiz", "uses": 3, "success_rate": 66.67}
    quiz = service.get(f"/history/statistics?user_id={user}&tool_name=quiz")
    assert (quiz["uses"], quiz["successes"], quiz["average_ms"]) == (3, 2, 10.0)
    every = service.get(f"/history/statistics?user_id={user}")
    assert (every["uses"], every["average_ms"], every["slowest_ms"]) == (4, 20.0, 50)
    never = service.get(f"/history/success-rate?user_id={user}&tool_name=other")
    assert (never["uses"], never["success_rate"]) == (0, 0.0)


def test_preferred_tools_are_ordered_by_successes_then_by_uses(service, user, record):
    for tool, successes, failures in (("a", 1, 0), ("b", 2, 2), ("c", 1, 3)):
        for success in [True] * successes + [False] * failures:
            record(tool, success)
    found = service.get(f"/history/preferred?user_id={user}")["tools"]
    assert [(row["tool_name"], row["preference_score"]) for row in found] == [
        ("b", 0.7 * 0.5 + 0.3 * 0.4),
        ("c", pytest.approx(0.7 * 0.25 + 0.3 * 0.4)),
        ("a", 0.7 + 0.3 * 0.1),
    ]
    assert len(service.get(f"/history/preferred?user_id={user}&limit=2")["tools"]) == 2


def test_what_is_cached_is_forgotten_when_something_is_recorded(service, user, record, cache):
    path = f"/history/success-rate?user_id={user}&tool_name=quiz"
    record()
    assert service.get(path)["uses"] == 1
    assert "uses" in cache.command("HGET", f"sparkle:user:{user}", "rate:30:quiz")
    record()
    assert service.get(path)["uses"] == 2


def test_the_last_failures_come_first(service, user, record):
    ids = [record(f"tool-{number}", False, error_message=str(number)) for number in range(7)]
    found = service.get(f"/history/failed?user_id={user}")["failed"]
    assert [row["id"] for row in found] == ids[:1:-1]
    (one,) = service.get(f"/history/failed?user_id={user}&tool_name=tool-0")["failed"]
    assert one["error_message"] == "0"


def test_users_say_what_they_thought(service, user, record):
    made = record()
    opinion = {"user_satisfaction": 4, "was_helpful": True}
    assert service.ask("PUT", f"/history/{made}/satisfaction", opinion) == (
        200,
        {"id": made, **opinion},
    )
    assert service.get(f"/history/statistics?user_id={user}")["satisfaction"] == 4.0
    assert service.ask("PUT", f"/history/{made}/satisfaction", {"user_satisfaction": 6})[0] == 422
    assert service.ask("PUT", "/history/2147483647/satisfaction", opinion)[0] == 404


def test_only_what_is_older_than_ninety_days_is_cleaned_up(service, lived_in, user):
    lived_in.sql(
        "INSERT INTO user_tool_history (user_id, tool_name, success, created_at)"
        f" SELECT {user}, 'quiz', true, now() - interval '1 day' * (89 + 2 * (number % 2))"
        " FROM generate_series(1, 500) AS number"
    )
    assert service.post("/history/cleanup", {"batch": 100}) == {"deleted": 250}
    assert service.ask("POST", "/history/cleanup", {"older_than_days": 89})[0] == 422
    assert service.get(f"/history/statistics?user_id={user}")["uses"] == 250
