"""What this release proves of itself beyond the base service; a later one replaces this file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sparkle.trial import CheckFailed, Client

DOCUMENTS = {
    "GETTING_STARTED",
    "QUICK_REFERENCE",
    "COMPLETION_VERIFICATION",
    "TESTING_AND_DEPLOYMENT",
    "FINAL_SUMMARY",
}
QUESTIONS = {
    "exam_preparation": "Prepare me for the exam",
    "task_decomposition": "Break down this essay",
    "error_diagnosis": "My program has a bug",
    "deep_learning": "Explain gravity in depth",
    "skill_building": "I want to practise chess",
    "quick_task": "Just tell me the time",
}


def require(condition: bool, said: Any) -> None:
    """Fail with what was said instead."""
    if not condition:
        raise CheckFailed(f"the answer was {said}")


def record(client: Client, user: int, tool: str, success: bool) -> int:
    """Record an execution and wait until it is committed; returns its id."""
    body = {"user_id": user, "tool_name": tool, "success": success, "execution_time_ms": 7}
    made: int = client.expect(201, "POST", "/history", body, durable=True)["id"]
    return made


def documents(_client: Client) -> None:
    """The release brings its documents along."""
    found = (Path(__file__).resolve().parents[2] / "docs").glob("*.md")
    missing = DOCUMENTS - {path.stem for path in found if path.stat().st_size}
    if missing:
        raise CheckFailed(f"docs/ lacks {', '.join(sorted(missing))}")


def history(client: Client) -> None:
    """Executions are recorded, counted, rated."""
    user = client.user()
    ids = [record(client, user, "planner", success) for success in (True, True, True, False)]
    mine = {"user_id": user, "tool_name": "planner"}
    rate = client.expect(200, "GET", "/history/success-rate", **mine)
    require((rate["uses"], rate["success_rate"]) == (4, 75.0), rate)
    figures = client.expect(200, "GET", "/history/statistics", **mine)
    require((figures["uses"], figures["average_ms"]) == (4, 7.0), figures)
    failed = client.expect(200, "GET", "/history/failed", user_id=user)["failed"]
    require([row["id"] for row in failed] == ids[-1:], failed)
    opinion = {"user_satisfaction": 5, "was_helpful": True}
    client.expect(200, "PUT", f"/history/{ids[0]}/satisfaction", opinion)
    rows = client.expect(200, "GET", "/history", user_id=user)["history"]
    require([row["user_satisfaction"] for row in rows] == [None, None, None, 5], rows)


def forgetting(client: Client) -> None:
    """The history of a user goes with the user."""
    user = client.user()
    record(client, user, "planner", True)
    mine = {"user_id": user, "tool_name": "planner"}
    require(client.expect(200, "GET", "/history/success-rate", **mine)["uses"] == 1, mine)
    client.expect(204, "DELETE", f"/users/{user}")
    rate = client.expect(200, "GET", "/history/success-rate", **mine)
    require(rate["uses"] == 0, rate)
    rows = client.expect(200, "GET", "/history", user_id=user)["history"]
    require(rows == [], rows)


def preferences(client: Client) -> None:
    """Of two tools that suit, the one is chosen that did well."""
    user = client.user()
    for _ in range(2):
        record(client, user, "planner", False)
        record(client, user, "quiz", True)
    preferred = client.expect(200, "GET", "/history/preferred", user_id=user)["tools"]
    require([row["tool_name"] for row in preferred] == ["quiz", "planner"], preferred)
    require(preferred[0]["preference_score"] == 0.76, preferred)
    question = {"user_id": user, "text": "prepare the exam"}
    choice = client.expect(200, "POST", "/route", question)
    require((choice["tool"], choice["reason"]) == ("quiz", "preference"), choice)


def intents(client: Client) -> None:
    """Six intents are told apart."""
    for wanted, text in QUESTIONS.items():
        found = client.expect(200, "POST", "/intents", {"text": text})
        require(found["intent"] == wanted, found)


def collaboration(client: Client) -> None:
    """A workflow ends with a card, and so does a draft that is none."""
    question = {"user_id": client.user(), "text": QUESTIONS["exam_preparation"]}
    done = client.expect(200, "POST", "/workflows/run", question)
    require(done["workflow"] == "TaskDecompositionWorkflow", done)
    require(done["action_card"]["source"] == "draft", done)
    made = client.expect(200, "POST", "/action-cards", {"goal": "Rest", "draft": {"steps": []}})
    require(made["source"] == "fallback", made)


CHECKS: tuple[tuple[str, Callable[[Client], None]], ...] = (
    ("the documents are there", documents),
    ("executions of tools are recorded and rated", history),
    ("the history of a user goes with the user", forgetting),
    ("the router prefers what did well", preferences),
    ("six intents are told apart", intents),
    ("a collaboration ends with an action card", collaboration),
)
