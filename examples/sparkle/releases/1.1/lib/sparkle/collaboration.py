"""Three workflows in which several agents work on one question.

The agents are stand-ins: what they say is made from the question, and each takes a fixed time, so
that a workflow takes from half a second to two.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Agent:
    """Somebody who contributes one line after a fixed time."""

    name: str
    seconds: float
    task: str

    async def work(self, text: str) -> dict[str, Any]:
        """Return the contribution."""
        await asyncio.sleep(self.seconds)
        return {"agent": self.name, "said": f"{self.task}: {text.strip()[:120]}"}


@dataclass(frozen=True)
class Workflow:
    """Stages, one after the other; the agents of a stage work at the same time."""

    name: str
    intents: tuple[str, ...]
    kind: str
    stages: tuple[tuple[Agent, ...], ...]

    async def run(self, text: str) -> list[dict[str, Any]]:
        """Return what the agents contributed, in their order."""
        contributions: list[dict[str, Any]] = []
        for stage in self.stages:
            contributions += await asyncio.gather(*(agent.work(text) for agent in stage))
        return contributions

    def draft_card(self, text: str, contributions: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the card that the contributions suggest."""
        steps = [{"text": entry["said"], "minutes": 15} for entry in contributions]
        return {"title": text.strip()[:80], "kind": self.kind, "priority": 2, "steps": steps}


WORKFLOWS = (
    Workflow(
        "TaskDecompositionWorkflow",
        ("exam_preparation", "task_decomposition"),
        "plan",
        (
            (Agent("planner", 0.25, "Split"),),
            (Agent("scheduler", 0.3, "Schedule"), Agent("tutor", 0.25, "Collect material for")),
            (Agent("reviewer", 0.2, "Check the plan for"),),
        ),
    ),
    Workflow(
        "ProgressiveExplorationWorkflow",
        ("deep_learning", "skill_building"),
        "explore",
        (
            (Agent("guide", 0.3, "Find a first step into"),),
            (Agent("explorer", 0.35, "Go deeper into"), Agent("examiner", 0.3, "Ask about")),
            (Agent("reviewer", 0.2, "Sum up"),),
        ),
    ),
    Workflow(
        "ErrorDiagnosisWorkflow",
        ("error_diagnosis",),
        "fix",
        (
            (Agent("reproducer", 0.25, "Reproduce"),),
            (Agent("analyst", 0.3, "Find the cause of"), Agent("searcher", 0.25, "Look up")),
            (Agent("fixer", 0.15, "Correct"),),
        ),
    ),
)


def workflow_for(intent: str) -> Workflow | None:
    """Return the workflow for an intent; None where no collaboration is needed."""
    return next((workflow for workflow in WORKFLOWS if intent in workflow.intents), None)
