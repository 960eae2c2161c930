"""Smoke tests 18 to 26: intents, the workflows that they lead to, and the cards at their end.

Release 1.0 has none of it: there, in place of each, it is asserted that the endpoint is absent.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.smoke.sparkle.client import Service

QUESTIONS = {
    "exam_preparation": "Prepare me for the exam on Friday",
    "task_decomposition": "Break down the essay on rivers",
    "error_diagnosis": "My program has a bug",
    "deep_learning": "Explain gravity in depth",
    "skill_building": "I want to get better at chess",
    "quick_task": "Just tell me the time",
}
WORKFLOWS = {
    "exam_preparation": "TaskDecompositionWorkflow",
    "task_decomposition": "TaskDecompositionWorkflow",
    "error_diagnosis": "ErrorDiagnosisWorkflow",
    "deep_learning": "ProgressiveExplorationWorkflow",
    "skill_building": "ProgressiveExplorationWorkflow",
    "quick_task": None,
}
CARD = {
    "title": "Rivers",
    "kind": "plan",
    "priority": 2,
    "steps": [{"text": "Name five rivers", "minutes": 10}],
}
FASTEST, SLOWEST = 0.5, 2.0
intents = pytest.mark.new_in("1.1", "POST", "/intents")
workflows = pytest.mark.new_in("1.1", "POST", "/workflows/run")
cards = pytest.mark.new_in("1.1", "POST", "/action-cards")


@pytest.fixture
def found(service):
    """Classify a text."""
    return lambda text: service.expect(200, "POST", "/intents", {"text": text})


@intents
def test_t18_six_intents_are_recognised(service, found):
    assert {intent: found(text)["intent"] for intent, text in QUESTIONS.items()} == {
        intent: intent for intent in QUESTIONS
    }
    # Found by their words, and not because it is what everything else is.
    assert all(found(text)["matched"] for text in QUESTIONS.values())


@intents
def test_t19_collaboration_is_detected_by_the_intent(service, found):
    asked = {intent: found(text)["collaboration"] for intent, text in QUESTIONS.items()}
    assert asked == {intent: workflow is not None for intent, workflow in WORKFLOWS.items()}


@intents
def test_t20_each_intent_selects_its_workflow(service, found):
    assert {intent: found(text)["workflow"] for intent, text in QUESTIONS.items()} == WORKFLOWS


@workflows
def test_t21_the_graph_has_the_nodes_of_collaboration(service):
    nodes = service.expect(200, "GET", "/workflows/graph")["nodes"]
    assert "collaborate" in nodes["classify"]
    assert nodes["collaborate"] == ["action_card"]
    assert nodes["action_card"] == ["answer"]


@workflows
def test_t22_a_message_triggers_task_decomposition(service, data):
    asked = {"user_id": data.somebody, "text": QUESTIONS["task_decomposition"]}
    answer = service.expect(200, "POST", "/chat", asked)
    assert answer["success"]
    assert answer["workflow"] == "TaskDecompositionWorkflow"


@workflows
def test_t23_the_workflows_run_several_agents_within_their_time(place, service, data, measured):
    user = data.somebody

    def run(intent):
        with closing(Service(place.url)) as mine:
            start = time.perf_counter()
            asked = {"user_id": user, "text": QUESTIONS[intent]}
            return mine.expect(200, "POST", "/workflows/run", asked), time.perf_counter() - start

    # Three at a time: as many as there are workflows, and fewer than make a queue.
    chosen = ("exam_preparation", "error_diagnosis", "deep_learning")
    with ThreadPoolExecutor(len(chosen)) as users:
        done = dict(zip(chosen, users.map(run, chosen), strict=True))
    times = ", ".join(f"{seconds * 1000:.0f}" for _, seconds in done.values())
    measured(f"{times} ms, range 500 to 2000 ms")
    for intent, (answer, seconds) in done.items():
        assert answer["workflow"] == WORKFLOWS[intent]
        assert len({entry["agent"] for entry in answer["contributions"]}) >= 3
        assert all(entry["said"] for entry in answer["contributions"])
        assert answer["nodes"] == ["classify", "collaborate", "action_card", "answer"]
        assert answer["action_card"]["source"] == "draft"
        assert FASTEST <= seconds <= SLOWEST


@workflows
def test_t24_a_quick_task_starts_no_collaboration(service, data):
    asked = {"user_id": data.somebody, "text": QUESTIONS["quick_task"]}
    service.expect(422, "POST", "/workflows/run", asked)
    assert service.expect(200, "POST", "/chat", asked)["workflow"] is None


@cards
def test_t25_a_good_action_card_is_kept_as_it_is(service):
    made = service.expect(200, "POST", "/action-cards", {"goal": "Rivers", "draft": CARD})
    assert made == {"card": CARD, "source": "draft", "problems": []}


@cards
def test_t26_a_bad_action_card_is_replaced_by_one_that_can_be_acted_on(service):
    for draft in ({**CARD, "steps": []}, {**CARD, "priority": 9}, "no card at all", None):
        asked = {"goal": "Rivers", "draft": draft}
        made = service.expect(200, "POST", "/action-cards", asked)
        assert made["source"] == "fallback"
        assert made["problems"]
        again = service.expect(200, "POST", "/action-cards", {**asked, "draft": made["card"]})
        assert (again["source"], again["card"]) == ("draft", made["card"])
