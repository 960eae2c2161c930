"""What a question is after."""

from __future__ import annotations

from dataclasses import dataclass

from sparkle.intent_patterns import PATTERNS

OTHERWISE = "quick_task"


@dataclass(frozen=True)
class Intent:
    """An intent, and the words that gave it away; none means that it is only the usual one."""

    name: str
    matched: tuple[str, ...]


def classify(text: str) -> Intent:
    """Return the intent with the most of its words in the question."""
    lower = text.lower()
    found = [
        Intent(name, tuple(word for word in words if word in lower))
        for name, words in PATTERNS.items()
    ]
    best = max(found, key=lambda intent: len(intent.matched), default=None)
    return best if best and best.matched else Intent(OTHERWISE, ())
