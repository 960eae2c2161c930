"""The workflow of a question: classify it, then either answer it with a tool or collaborate."""

from __future__ import annotations

import time
from typing import Any

from sparkle.action_cards import enforce
from sparkle.collaboration import Workflow, workflow_for
from sparkle.executor import Executor
from sparkle.intents import classify
from sparkle.router_node import RouterNode
from sparkle.service import Service

# Each node with those that may follow it.
GRAPH: dict[str, tuple[str, ...]] = {
    "classify": ("route", "collaborate"),
    "route": ("execute",),
    "execute": ("answer",),
    "collaborate": ("action_card",),
    "action_card": ("answer",),
    "answer": (),
}
QUICKLY = ("classify", "route", "execute", "answer")
TOGETHER = ("classify", "collaborate", "action_card", "answer")


class StandardWorkflow:
    """Takes a question through the graph."""

    def __init__(self, service: Service) -> None:
        self._router = service.part(RouterNode)
        self._executor = service.part(Executor)

    def run(self, user_id: int, text: str) -> dict[str, Any]:
        """Answer with one tool; says which workflow would be worth running."""
        intent = classify(text)
        workflow = workflow_for(intent.name)
        choice = self._router.choose(user_id, text)
        outcome = self._executor.execute(user_id, choice["tool"], text)
        suggested = workflow.name if workflow else None
        return {**outcome, "intent": intent.name, "workflow": suggested, "nodes": list(QUICKLY)}

    async def collaborate(self, user_id: int, text: str, workflow: Workflow) -> dict[str, Any]:
        """Let the workflow's agents work, and end with a card that can be acted on."""
        begin = time.perf_counter()
        contributions = await workflow.run(text)
        outcome = enforce(workflow.draft_card(text, contributions), text)
        milliseconds = round((time.perf_counter() - begin) * 1000)
        done = {"success": True, "answer": outcome["card"]["title"], "error": None}
        self._executor.remember(user_id, workflow.name, milliseconds, done)
        return {
            "workflow": workflow.name,
            "contributions": contributions,
            "action_card": outcome,
            "execution_time_ms": milliseconds,
            "nodes": list(TOGETHER),
        }
