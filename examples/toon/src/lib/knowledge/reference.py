"""Three facts, one of each shape, that every measurement includes.

So a knowledge base without facts is not measured on nothing: what the release can do with facts is
known before the first one is stored.
"""

from __future__ import annotations

from knowledge.shapes import Fact

REFERENCE: tuple[Fact, ...] = (
    {
        "id": "reference-1",
        "title": "Retry only what can be repeated",
        "summary": "A retried payment was booked twice; retries need a key that names the attempt.",
        "type": "lesson",
        "key_concepts": ["retries", "idempotence"],
        "problem_solved": "double bookings after a timeout",
        "source": "review payments",
        "relevance_score": 0.85,
        "found_date": "2025-12-01",
        "auto_extracted": True,
    },
    {
        "id": "reference-2",
        "title": "Close the pool before the loop ends",
        "summary": "Connections that outlive their loop keep the process from ending.",
        "type": "solution",
        "key_concepts": ["asyncio"],
        "problem_solved": "",
        "source": "commit shutdown",
        "relevance_score": 0.7,
        "found_date": "2025-12-12",
        "auto_extracted": True,
        "confidence_score": 0.7,
        "tags": [],
        "usage_count": 0,
        "last_used": None,
        "source_quality": "medium",
    },
    {
        "id": "reference-3",
        "title": "Limits belong into the schema",
        "insight": "A rule that only the form knows is broken by the first import.",
        "type": "pattern",
        "priority": "high",
        "keywords": ["schema", "validation", "imports"],
        "source": "review forms",
        "date": "2026-01-20",
    },
)
