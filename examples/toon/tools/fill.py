"""Append facts to a file as months of use leave them: in three shapes, one after the other.

The same number and seed give the same facts. A service that has the file open may go on: each fact
is one write at its end.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

Fact = dict[str, Any]
START = date(2025, 11, 1)
PER_DAY = 12
THINGS = ("cache", "queue", "migration", "token", "index", "session", "pool", "backup", "release")
TROUBLES = ("was filled twice", "was never emptied", "ran out", "kept an old value", "was locked")
REMEDIES = ("one owner", "a limit", "a deadline", "a test that fails", "a key of its own")
TAGS = ("storage", "latency", "security", "review", "python", "sql", "limits", "tests", "api")
COLONS = ("area: auth", "http://example.org/a", "12:30", "std::vector", "scope:api")


class Facts:
    """Makes facts from a seed."""

    def __init__(self, seed: int, colons: bool) -> None:
        self._random = random.Random(seed)  # noqa: S311 - nothing secret
        self._tags = COLONS if colons else TAGS

    def some(self, count: int) -> Iterator[Fact]:
        """Yield facts: the first third of the first shape, then the second, then the third."""
        makers = (self.first, self.second, self.third)
        for number in range(count):
            yield makers[number * len(makers) // count](number)

    def _base(self, number: int, summary: str, found: str) -> Fact:
        thing = self._random.choice(THINGS)
        trouble, remedy = self._random.choice(TROUBLES), self._random.choice(REMEDIES)
        text = (
            f"The {thing} {trouble} when two requests came in the same moment. It was noticed by"
            f" {self._random.randint(2, 90)} users, and took {remedy}, in code and in the schema."
        )
        return {
            "id": str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            "title": f"The {thing} {trouble}: {remedy}",
            summary: text,
            "type": self._random.choice(("lesson", "solution", "pattern", "warning")),
            "source": f"{self._random.choice(('review', 'commit'))} {thing}",
            found: (START + timedelta(days=number // PER_DAY)).isoformat(),
        }

    def _some_tags(self) -> list[str]:
        return self._random.sample(self._tags, self._random.randint(0, 3))

    def first(self, number: int) -> Fact:
        """Return a fact of the first shape."""
        about = {
            "key_concepts": self._some_tags(),
            "problem_solved": "two requests in one moment",
            "relevance_score": round(self._random.uniform(0.6, 0.95), 2),
            "auto_extracted": True,
        }
        return {**self._base(number, "summary", "found_date"), **about}

    def second(self, number: int) -> Fact:
        """Return a fact of the second shape."""
        about = {
            "confidence_score": 0.7,
            "tags": self._some_tags(),
            "usage_count": 0,
            "last_used": None,
            "source_quality": "medium",
        }
        return {**self.first(number), **about}

    def third(self, number: int) -> Fact:
        """Return a fact of the third shape."""
        about = {
            "priority": self._random.choice(("low", "medium", "high")),
            "keywords": self._some_tags(),
        }
        return {**self._base(number, "insight", "date"), **about}


def fill(path: Path, facts: Iterator[Fact]) -> int:
    """Append facts; returns how many."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    lines = [json.dumps(fact).encode() + b"\n" for fact in facts]
    try:
        for line in lines:
            os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return len(lines)


def main() -> int:
    """Fill from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facts", type=Path, required=True, help="the file")
    parser.add_argument("--count", type=int, default=300, help="how many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--colons", action="store_true", help="tags with colons in them")
    given = parser.parse_args()
    number = fill(given.facts, Facts(given.seed, given.colons).some(given.count))
    print(f"{given.facts}: {number} facts more")
    return 0


if __name__ == "__main__":
    sys.exit(main())
