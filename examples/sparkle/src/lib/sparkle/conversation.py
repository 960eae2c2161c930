"""Questions and their answers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from sparkle.router_node import RouterNode
from sparkle.service import Service
from sparkle.standard_workflow import GRAPH, StandardWorkflow
from sparkle.users import UserId


class Question(BaseModel):
    """What a user wants to know."""

    user_id: UserId
    text: str = Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")


def router(service: Service) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["conversation"])
    node, workflow = service.part(RouterNode), service.part(StandardWorkflow)

    @routes.post("/route")
    def routing(question: Question) -> dict[str, Any]:
        return node.choose(question.user_id, question.text)

    @routes.post("/chat")
    def chat(question: Question) -> dict[str, Any]:
        return workflow.run(question.user_id, question.text)

    @routes.get("/workflows/graph")
    def graph() -> dict[str, Any]:
        return {"nodes": {node: list(following) for node, following in GRAPH.items()}}

    return routes
