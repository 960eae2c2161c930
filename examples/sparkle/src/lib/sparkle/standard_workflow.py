"""The workflow of a question: route it, execute a tool, answer."""

from __future__ import annotations

from typing import Any

from sparkle.executor import Executor
from sparkle.router_node import RouterNode
from sparkle.service import Service

# Each node with those that may follow it.
GRAPH: dict[str, tuple[str, ...]] = {"route": ("execute",), "execute": ("answer",), "answer": ()}


class StandardWorkflow:
    """Takes a question through the graph."""

    def __init__(self, service: Service) -> None:
        self._router = service.part(RouterNode)
        self._executor = service.part(Executor)

    def run(self, user_id: int, text: str) -> dict[str, Any]:
        """Return the answer, and the nodes that it took."""
        choice = self._router.choose(user_id, text)
        outcome = self._executor.execute(user_id, choice["tool"], text)
        return {**outcome, "nodes": list(GRAPH)}
