"""The second node of the workflow: the chosen tool does its work."""

from __future__ import annotations

import time
from typing import Any

from sparkle.service import Service
from sparkle.tools import TOOLS, ToolFailed


class Executor:
    """Runs tools."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def execute(self, user_id: int, tool: str, text: str) -> dict[str, Any]:
        """Return what the tool answered, or how it failed."""
        begin = time.perf_counter()
        try:
            outcome = {"success": True, "answer": TOOLS[tool](text), "error": None}
        except ToolFailed as error:
            outcome = {"success": False, "answer": None, "error": str(error)}
        milliseconds = round((time.perf_counter() - begin) * 1000)
        return {"tool": tool, "execution_time_ms": milliseconds, **outcome}
