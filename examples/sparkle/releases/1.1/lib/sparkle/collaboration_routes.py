"""Intents, workflows and action cards over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from sparkle.action_cards import enforce
from sparkle.collaboration import WORKFLOWS, workflow_for
from sparkle.conversation import Question
from sparkle.intent_patterns import PATTERNS
from sparkle.intents import classify
from sparkle.service import Service
from sparkle.standard_workflow import StandardWorkflow
from sparkle.tool_history_service import ToolHistoryService
from sparkle.tool_preference_router import ToolPreferenceRouter


class Utterance(BaseModel):
    """What somebody said."""

    text: str = Field(min_length=1, max_length=2000)


class Draft(BaseModel):
    """What is to become an action card; anything may be tried."""

    goal: str = Field(min_length=1, max_length=2000)
    draft: Any


def public(kind: type) -> list[str]:
    """Return the names of what a class offers."""
    return [name for name in vars(kind) if not name.startswith("_")]


def router(service: Service) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["collaboration"])
    standard = service.part(StandardWorkflow)

    @routes.post("/intents")
    def intent(given: Utterance) -> dict[str, Any]:
        found = classify(given.text)
        workflow = workflow_for(found.name)
        return {
            "intent": found.name,
            "matched": list(found.matched),
            "collaboration": workflow is not None,
            "workflow": workflow and workflow.name,
        }

    @routes.post("/workflows/run")
    async def workflow(question: Question) -> dict[str, Any]:
        found = classify(question.text)
        chosen = workflow_for(found.name)
        if chosen is None:
            raise HTTPException(422, f"{found.name} needs no collaboration")
        done = await standard.collaborate(question.user_id, question.text, chosen)
        return {"intent": found.name, **done}

    @routes.post("/action-cards")
    def action_card(given: Draft) -> dict[str, Any]:
        return enforce(given.draft, given.goal)

    @routes.get("/capabilities")
    def capabilities() -> dict[str, Any]:
        return {
            "intents": list(PATTERNS),
            "workflows": {workflow.name: list(workflow.intents) for workflow in WORKFLOWS},
            "tool_history_service": public(ToolHistoryService),
            "tool_preference_router": public(ToolPreferenceRouter),
        }

    return routes
