"""The second node of the workflow: the chosen tool does its work, and that is remembered."""

from __future__ import annotations

import logging
import queue
import time
from typing import Any

from sparkle.service import Service
from sparkle.tool_history_service import ToolHistoryService
from sparkle.tools import TOOLS, ToolFailed

LOG = logging.getLogger("sparkle.tool_history")
SUMMARY = 500


class Executor:
    """Runs tools; whoever asked does not wait for the record."""

    def __init__(self, service: Service) -> None:
        self._history = service.part(ToolHistoryService)

    def execute(self, user_id: int, tool: str, text: str) -> dict[str, Any]:
        """Return what the tool answered, or how it failed."""
        begin = time.perf_counter()
        try:
            outcome = {"success": True, "answer": TOOLS[tool](text), "error": None}
        except ToolFailed as error:
            outcome = {"success": False, "answer": None, "error": str(error)}
        milliseconds = round((time.perf_counter() - begin) * 1000)
        self.remember(user_id, tool, milliseconds, outcome)
        return {"tool": tool, "execution_time_ms": milliseconds, **outcome}

    def remember(self, user_id: int, tool: str, milliseconds: int, outcome: dict[str, Any]) -> None:
        """Record an execution; a history that cannot take it is no reason to fail."""
        try:
            self._history.record_tool_execution(
                user_id=user_id,
                tool_name=tool,
                success=outcome["success"],
                execution_time_ms=milliseconds,
                error_message=outcome["error"],
                output_summary=(outcome["answer"] or "")[:SUMMARY],
            )
        except queue.Full:
            LOG.warning("tool_history", extra={"fields": {"lost": 1, "cause": "the queue is full"}})
