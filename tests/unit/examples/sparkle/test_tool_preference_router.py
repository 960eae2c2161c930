"""Tools are chosen by what did well, intents are told apart, bigger questions go to workflows."""

from __future__ import annotations

import pytest

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
WORKFLOWS = {
    "TaskDecompositionWorkflow": ["exam_preparation", "task_decomposition"],
    "ProgressiveExplorationWorkflow": ["deep_learning", "skill_building"],
    "ErrorDiagnosisWorkflow": ["error_diagnosis"],
}
TEXTS = {
    "exam_preparation": "\u5e2e\u6211\u51c6\u5907\u6570\u5b66\u671f\u672b\u8003\u8bd5",
    "task_decomposition": "Break down this essay",
    "error_diagnosis": "There is a bug",
    "deep_learning": "Gravity in depth",
    "skill_building": "I want to practise chess",
    "quick_task": "What time is it?",
}


def fill(service, user, tool, successes, failures):
    body = {"user_id": user, "tool_name": tool}
    for success in [True] * successes + [False] * failures:
        service.post("/history?durable=true", {**body, "success": success}, 201)


def learned(service, user, *tools):
    names = "".join(f"&tool_name={tool}" for tool in tools)
    found = service.get(f"/history/preferences?user_id={user}{names}")["tools"]
    return {row.pop("tool_name"): row for row in found}


def test_it_has_its_eight_functions(service):
    assert set(service.get("/capabilities")["tool_preference_router"]) == FUNCTIONS


def test_of_tools_that_suit_the_one_that_did_well_is_chosen(service, user):
    question = {"user_id": user, "text": "prepare the exam"}
    assert service.post("/route", question) == {
        "tool": "planner",
        "candidates": ["planner", "quiz", "search"],
        "reason": "words",
    }
    fill(service, user, "quiz", 2, 0)
    choice = service.post("/route", question)
    assert (choice["tool"], choice["reason"]) == ("quiz", "preference")


def test_the_figures_behind_a_choice_are_told(service, user):
    fill(service, user, "quiz", 3, 1)
    found = learned(service, user, "planner", "quiz")
    assert list(found) == ["quiz", "planner"]
    assert found["quiz"] == {
        "uses": 4,
        "preference_score": pytest.approx(0.7 * 0.75 + 0.3 * 0.4),
        "success_probability": pytest.approx(4 / 6, abs=1e-4),
        "hour_factor": 1.0,
        "should_retry": True,
    }
    assert found["planner"]["success_probability"] == 0.5


def test_a_tool_that_just_failed_and_mostly_fails_rests(service, user):
    fill(service, user, "quiz", 1, 2)
    fill(service, user, "planner", 0, 0)
    found = learned(service, user, "quiz", "planner")
    assert (found["quiz"]["should_retry"], found["planner"]["should_retry"]) == (False, True)
    assert list(found) == ["planner", "quiz"]


def test_a_failure_of_three_hours_ago_and_the_hour_of_the_day_count(service, lived_in, user):
    day, half = "24 hours", "12 hours"
    ago = {
        "long": [(False, "181 minutes")],
        "short": [(False, "0 minutes")],
        "hourly": [(True, day), (True, day), (False, half), (False, half)],
    }
    rows = ", ".join(
        f"({user}, '{tool}', {success}, now() - interval '{age}')"
        for tool, executions in ago.items()
        for success, age in executions
    )
    columns = "user_id, tool_name, success, created_at"
    lived_in.sql(f"INSERT INTO user_tool_history ({columns}) VALUES {rows}")
    found = learned(service, user, "long", "short", "hourly")
    assert (found["long"]["should_retry"], found["short"]["should_retry"]) == (True, False)
    # At this hour it always succeeded, else in half of the cases: twice as well, cut at 1.2.
    assert found["hourly"]["hour_factor"] == 1.2
    assert found["hourly"]["success_probability"] == pytest.approx(0.5 * 1.2)


@pytest.mark.parametrize(("intent", "text"), TEXTS.items())
def test_six_intents_are_told_apart(service, intent, text):
    found = service.post("/intents", {"text": text})
    workflow = next((name for name, wanted in WORKFLOWS.items() if intent in wanted), None)
    assert (found["intent"], found["workflow"]) == (intent, workflow)
    assert found["collaboration"] == (workflow is not None)


@pytest.mark.parametrize("intent", ["exam_preparation", "deep_learning", "error_diagnosis"])
def test_a_collaboration_takes_half_a_second_to_two_and_ends_with_a_card(service, user, intent):
    done = service.post("/workflows/run", {"user_id": user, "text": TEXTS[intent]})
    assert intent in WORKFLOWS[done["workflow"]]
    # A lower bound that no load can break, and the time that its agents take.
    assert done["execution_time_ms"] >= 500
    assert len({entry["agent"] for entry in done["contributions"]}) > 2
    assert done["action_card"]["source"] == "draft"
    assert done["nodes"] == ["classify", "collaborate", "action_card", "answer"]
    service.post("/history?durable=true", {"user_id": user, "tool_name": "x", "success": True}, 201)
    rows = service.get(f"/history?user_id={user}")["history"]
    assert done["workflow"] in [row["tool_name"] for row in rows]


def test_what_a_question_does_is_recorded_without_being_asked_for(service, user):
    done = service.post("/chat", {"user_id": user, "text": "calculate something"})
    assert (done["tool"], done["success"], done["workflow"]) == ("calculator", False, None)
    service.post("/history?durable=true", {"user_id": user, "tool_name": "x", "success": True}, 201)
    row = service.get(f"/history?user_id={user}")["history"][-1]
    assert (row["tool_name"], row["success"]) == ("calculator", False)
    assert row["error_message"] == "there is no number in the question"


@pytest.mark.parametrize(
    ("draft", "problems"),
    [
        ({"title": "T", "kind": "plan", "priority": 1, "steps": [{"text": "s", "minutes": 5}]}, []),
        ({"title": "T", "kind": "plan", "priority": 9, "steps": []}, ["priority", "steps"]),
        ({"title": "", "kind": "other", "priority": 1, "steps": [{}]}, None),
        ("no card at all", ["card"]),
        (None, ["card"]),
    ],
)
def test_a_card_is_valid_whatever_the_draft_was(service, draft, problems):
    made = service.post("/action-cards", {"goal": "Learn", "draft": draft})
    assert made["source"] == ("fallback" if made["problems"] else "draft")
    assert problems is None or made["problems"] == problems
    again = service.post("/action-cards", {"goal": "Learn", "draft": made["card"]})
    assert again == {"card": made["card"], "source": "draft", "problems": []}


def test_the_graph_has_the_nodes_of_a_collaboration(service):
    nodes = service.get("/workflows/graph")["nodes"]
    assert {"classify", "collaborate", "action_card"} <= nodes.keys()
    assert {following for after in nodes.values() for following in after} <= nodes.keys()
