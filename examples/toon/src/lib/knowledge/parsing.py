"""What a model's answer says, however it was wrapped.

Three levels are tried in order: the whole answer is JSON; a fenced block of code in it is; an
object in the middle of plain text is. Which one it was is told, because an answer that needs the
last one was luckier than one that needs the first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

FENCE = re.compile(r"```[a-zA-Z]*\s*\n(.*?)\n?```", re.DOTALL)
JUDGEMENT = "should_store"
"""What every answer has; by it an object in plain text is known from an example in it."""


@dataclass(frozen=True)
class Parsed:
    """An answer that was understood, and the level that did it."""

    level: str
    answer: dict[str, Any]


def parse_answer(text: str) -> Parsed | None:
    """Return what an answer says; None when no level understands it."""
    for level, candidates in LEVELS.items():
        for candidate in candidates(text):
            if isinstance(candidate, dict) and JUDGEMENT in candidate:
                return Parsed(level, candidate)
    return None


def whole(text: str) -> Iterator[Any]:
    """Yield the answer as JSON, if it is."""
    try:
        yield json.loads(text)
    except ValueError:
        return


def fenced(text: str) -> Iterator[Any]:
    """Yield what stands in blocks of code and is JSON."""
    for block in FENCE.findall(text):
        yield from whole(block)


def embedded(text: str) -> Iterator[Any]:
    """Yield the objects that begin anywhere in the text."""
    decoder = json.JSONDecoder()
    for start in (match.start() for match in re.finditer(r"\{", text)):
        try:
            found, _ = decoder.raw_decode(text, start)
        except ValueError:
            continue
        yield found


LEVELS: dict[str, Callable[[str], Iterator[Any]]] = {
    "json": whole,
    "code_block": fenced,
    "plain": embedded,
}
