"""A stand-in for the model that judges reviews: the same answer to the same content, always.

What it says is derived from the content: the first line is the title, the rest the summary, a line
`Tags: a, b` the tags, and a longer, more varied content is worth more. Now and then it wraps its
answer as models do, in a block of code or in a sentence.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

TAGS = re.compile(r"^tags:\s*(.+)$", re.IGNORECASE | re.MULTILINE)
ENOUGH_WORDS = 40
WRAPPINGS = (
    "{}",
    "{}",
    "Here is what I found:\n```json\n{}\n```\n",
    "I would keep this: {} - done.",
)


def respond(content: str) -> str:
    """Return the answer to a content."""
    answer = json.dumps(judge(content), ensure_ascii=False)
    kind = hashlib.sha256(content.encode("utf-8", "replace")).digest()[0] % len(WRAPPINGS)
    return WRAPPINGS[kind].format(answer)


def judge(content: str) -> dict[str, Any]:
    """Return what is worth keeping of a content."""
    words = re.findall(r"\w+", content.lower())
    title, _, rest = TAGS.sub("", content).strip().partition("\n")
    score = round(min(0.95, 0.3 + 0.65 * len(set(words)) / ENOUGH_WORDS), 2)
    given = TAGS.search(content)
    tags = [tag.strip() for tag in given[1].split(",")] if given else frequent(words)
    fact = {
        "title": title.strip()[:80],
        "summary": " ".join(rest.split())[:400] or title.strip(),
        "type": "lesson",
        "tags": tags,
        "relevance_score": score,
    }
    return {"should_store": True, "score": score, "facts": [fact]}


def frequent(words: list[str]) -> list[str]:
    """Return the three longer words that are said most often; the first of equals wins."""
    longer = [word for word in words if len(word) > 4]
    return sorted(dict.fromkeys(longer), key=lambda word: -longer.count(word))[:3]
