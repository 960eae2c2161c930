"""The three shapes that facts have been written in, and what of each goes into a context.

`v1` is the first: concepts, the problem that was solved, the day on which it was found. `v2` adds
tags, use and quality to it. `v3` is another one: eight fields, an insight instead of a summary. All
three stand in one file, and none is rewritten.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

Fact = dict[str, Any]
V1 = (
    "id",
    "title",
    "summary",
    "type",
    "key_concepts",
    "problem_solved",
    "source",
    "relevance_score",
    "found_date",
    "auto_extracted",
)
V2 = (*V1, "confidence_score", "tags", "usage_count", "last_used", "source_quality")
V3 = ("id", "title", "insight", "type", "priority", "keywords", "source", "date")
SHAPES = {"v2": V2, "v3": V3, "v1": V1}
"""From the one that demands most: a fact of the second shape has all that the first demands."""
PRIORITIES = {"low": 0.6, "medium": 0.75, "high": 0.9}
TOMBSTONE = "deletes"


def shape_of(record: Mapping[str, Any]) -> str:
    """Return a record's shape, `tombstone`, or an empty text for what is neither."""
    if isinstance(record.get(TOMBSTONE), str) and "id" in record:
        return "tombstone"
    fits = (name for name, fields in SHAPES.items() if all(field in record for field in fields))
    return next(fits, "")


def tombstone(fact_id: str) -> Fact:
    """Return the record that takes a fact away: the file itself is only ever appended to."""
    return {"id": str(uuid.uuid4()), TOMBSTONE: fact_id, "date": today()}


def new_fact(found: Mapping[str, Any], source: str, score: float) -> Fact:
    """Return a fact of the second shape from what an extraction found."""
    tags = list(found["tags"])
    return {
        "id": str(uuid.uuid4()),
        "title": found["title"],
        "summary": found["summary"],
        "type": found.get("type", "insight"),
        "key_concepts": list(found.get("key_concepts", tags)),
        "problem_solved": found.get("problem_solved", ""),
        "source": source,
        "relevance_score": found.get("relevance_score", score),
        "found_date": today(),
        "auto_extracted": True,
        "confidence_score": 0.7,
        "tags": tags,
        "usage_count": 0,
        "last_used": None,
        "source_quality": "medium",
    }


def for_context(fact: Mapping[str, Any]) -> Fact:
    """Return what a context has of a fact of any shape."""
    third = shape_of(fact) == "v3"
    return {
        "id": fact["id"],
        "title": fact["title"],
        "summary": fact["insight" if third else "summary"],
        "source": fact["source"],
        "tags": list(fact["keywords"] if third else fact.get("tags", fact["key_concepts"])),
        "relevance_score": (
            PRIORITIES.get(fact["priority"], 0.6) if third else fact["relevance_score"]
        ),
    }


def text_of(fact: Mapping[str, Any]) -> str:
    """Return the text in which a fact is searched."""
    seen = for_context(fact)
    return " ".join([seen["title"], seen["summary"], *map(str, seen["tags"])]).lower()


def best(texts: Mapping[str, str], question: str, limit: int) -> list[str]:
    """Return the ids of the texts with the most words of a question; the last first of equals."""
    wanted = set(question.lower().split())
    counted = [
        (sum(word in text for word in wanted), number, fact_id)
        for number, (fact_id, text) in enumerate(texts.items())
    ]
    return [fact_id for said, _, fact_id in sorted(counted, reverse=True)[:limit] if said]


def today() -> str:
    """Return the date."""
    return datetime.now(timezone.utc).date().isoformat()
