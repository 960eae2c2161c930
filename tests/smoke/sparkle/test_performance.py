"""Smoke tests 37 to 43: the promised times, each the median of a few answers that no cache gives.

How it is under load is the gates' question, which is about the users' own requests. Release 1.0
keeps no history: there each of these asserts that the endpoint is absent.
"""

from __future__ import annotations

import pytest

from tests.smoke.sparkle.client import SAMPLES, TOOLS, usual_seconds

QUESTION = "prepare the exam"
pytestmark = pytest.mark.new_in("1.1", "GET", "/history")


def usual(service, path, **varying):
    """Return the usual time of GET `path`; a value that is a range is another one each time."""

    def at(number):
        return {
            name: value[number] if isinstance(value, range) else value
            for name, value in varying.items()
        }

    return usual_seconds(service.ask("GET", path, **at(number)) for number in range(SAMPLES))


def test_t37_a_success_rate_takes_under_50_ms(service, data):
    asked = {"user_id": data.regular, "tool_name": "quiz", "days": range(30, 90)}
    assert usual(service, "/history/success-rate", **asked) < 0.050


def test_t38_preferred_tools_take_under_100_ms(service, data):
    asked = {"user_id": data.regular, "limit": range(5, 90)}
    assert usual(service, "/history/preferred", **asked) < 0.100


def test_t39_statistics_take_under_50_ms(service, data):
    # What is kept of an answer is forgotten whenever the user's history grows.
    def ask(number):
        data.executions(data.regular, TOOLS[0], True)
        return service.ask("GET", "/history/statistics", user_id=data.regular)

    assert usual_seconds(map(ask, range(SAMPLES))) < 0.050


def test_t40_recording_an_execution_takes_under_10_ms(service, data):
    body = {"user_id": data.regular, "tool_name": "smoke", "success": True}
    answers = (service.ask("POST", "/history", body) for _ in range(SAMPLES))
    assert usual_seconds(answers) < 0.010


def test_t41_remembering_costs_a_question_under_10_ms(service, data):
    body = {"user_id": data.regular, "text": QUESTION}
    # Both choose a tool; /chat then runs it, which is nothing, and has that remembered.
    pairs = [
        [service.ask("POST", path, body) for path in ("/route", "/chat")] for _ in range(SAMPLES)
    ]
    routed, remembered = (usual_seconds(answers) for answers in zip(*pairs, strict=True))
    assert remembered - routed < 0.010


def test_t42_a_decision_by_history_takes_under_300_ms(service, data):
    body = {"user_id": data.regular, "text": QUESTION}
    assert usual_seconds(service.ask("POST", "/route", body) for _ in range(SAMPLES)) < 0.300


def test_t43_every_question_to_the_history_takes_under_100_ms(service, data):
    user = data.regular
    assert usual(service, "/history", user_id=user, limit=range(1, 90)) < 0.100
    assert usual(service, "/history/failed", user_id=user, limit=range(1, 90)) < 0.100
    assert usual(service, "/history/preferences", user_id=user, tool_name=TOOLS) < 0.100
