"""Files of facts as a knowledge base keeps them, in its three shapes, made once and kept."""

from __future__ import annotations

import itertools
import json
import random
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.databases import CACHE

DIFFERENT = 20_000
"""Facts that are told apart; a larger file has them again and again."""

WORDS = [
    "the", "cache", "of", "sessions", "is", "keyed", "by", "tenant", "because", "each", "deploy",
    "restarts", "workers", "and", "loses", "their", "memory", "index", "vector", "search", "retry",
    "parser", "cold", "start", "migration", "naïve", "lock", "café", "queue",
]  # fmt: skip
STYLES: dict[str, dict[str, Any]] = {
    "as Python writes them": {},
    "compact": {"separators": (",", ":"), "ensure_ascii": False},
}


def facts_file(megabytes: int, style: str) -> Path:
    """A file of so many megabytes; made when it is not there."""
    CACHE.mkdir(parents=True, exist_ok=True)
    wanted = CACHE / f"facts-{style.replace(' ', '-')}-{megabytes}MB.jsonl"
    if wanted.exists():
        return wanted
    lines = [json.dumps(fact, **STYLES[style]).encode() + b"\n" for fact in facts()]
    partial, size = wanted.with_suffix(".partial"), 0
    with partial.open("wb") as out:
        for line in itertools.cycle(lines):
            size += out.write(line)
            if size >= megabytes * 1_000_000:
                break
    return partial.rename(wanted)


def facts() -> Iterator[dict[str, Any]]:
    """Facts of the first, the second and the third shape by turns."""
    chance = random.Random(1)

    def text(least: int, most: int) -> str:
        return " ".join(chance.choices(WORDS, k=chance.randint(least, most)))

    for number in range(DIFFERENT):
        day, minute = chance.randint(1, 28), chance.randint(0, 59)
        common = {
            "id": str(uuid.UUID(int=chance.getrandbits(128))),
            "title": text(4, 9),
            "source": f"https://git.example.org/kb/commit/{chance.getrandbits(80):020x}",
            "type": chance.choice(["insight", "warning", "pattern", "solution"]),
        }
        first = {
            "summary": text(20, 60),
            "key_concepts": text(3, 6).split(),
            "problem_solved": text(8, 25),
            "relevance_score": round(chance.uniform(0.6, 1), 2),
            "found_date": f"2025-11-{day:02}T12:{minute:02}:07.123456",
            "auto_extracted": True,
        }
        second = {
            "confidence_score": 0.7,
            "tags": ["area: auth", *text(1, 3).split()],
            "usage_count": 0,
            "last_used": None,
            "source_quality": "medium",
        }
        third = {
            "insight": text(20, 60),
            "priority": chance.choice(["high", "medium"]),
            "keywords": text(3, 6).split(),
            "date": f"2025-12-{day:02}",
        }
        yield common | (first, first | second, third)[number % 3]
