"""The tools that answer questions: small and predictable, so that every answer can be checked."""

from __future__ import annotations

import re
from collections.abc import Callable

WORDS = {
    "calculator": ("calculate", "sum", "add", "plus"),
    "planner": ("plan", "prepare", "schedule", "exam"),
    "debugger": ("error", "bug", "fails", "exception"),
    "explainer": ("explain", "why", "how", "understand"),
    "quiz": ("practise", "quiz", "train", "exam"),
}
FALLBACK = "search"


class ToolFailed(Exception):
    """A tool has no answer; the text says why."""


def suited(text: str) -> list[str]:
    """Return the tools that suit a question, the best first; never none."""
    words = set(re.findall(r"\w+", text.lower()))
    scores = {tool: len(words & set(known)) for tool, known in WORDS.items()}
    found = sorted((tool for tool in scores if scores[tool]), key=lambda tool: -scores[tool])
    return [*found, FALLBACK]


def _calculate(text: str) -> str:
    numbers = [int(number) for number in re.findall(r"-?\d{1,12}", text)]
    if not numbers:
        raise ToolFailed("there is no number in the question")
    return str(sum(numbers))


def _told(tool: str) -> Callable[[str], str]:
    return lambda text: f"{tool}: {text.strip()}"


TOOLS: dict[str, Callable[[str], str]] = {
    **{tool: _told(tool) for tool in (*WORDS, FALLBACK)},
    "calculator": _calculate,
}
