"""The first node of the workflow: which tool is to answer a question."""

from __future__ import annotations

from typing import Any

from sparkle.service import Service
from sparkle.tools import suited


class RouterNode:
    """Chooses by the question's words alone."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def choose(self, user_id: int, text: str) -> dict[str, Any]:
        """Return the chosen tool, and why."""
        candidates = suited(text)
        return {"tool": candidates[0], "candidates": candidates, "reason": "words"}
