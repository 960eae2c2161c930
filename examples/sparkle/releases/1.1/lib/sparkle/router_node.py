"""The first node of the workflow: which tool is to answer a question."""

from __future__ import annotations

from typing import Any

from sparkle.service import Service
from sparkle.tool_preference_router import ToolPreferenceRouter
from sparkle.tools import suited


class RouterNode:
    """Chooses by the question's words, and among those that suit by what did well for the user."""

    def __init__(self, service: Service) -> None:
        self._preferences = service.part(ToolPreferenceRouter)

    def choose(self, user_id: int, text: str) -> dict[str, Any]:
        """Return the chosen tool, and why."""
        candidates = suited(text)
        # The last one answers anything, so it would win by use alone.
        choice = self._preferences.choose_tool(user_id, candidates[:-1] or candidates)
        reason = "words" if choice == candidates[0] else "preference"
        return {"tool": choice, "candidates": candidates, "reason": reason}
