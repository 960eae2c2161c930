"""From a review or a commit to facts, with a word about whatever became of it.

Nothing ends in silence: an extraction is `stored`, or it says why not: `too_short`, `unparsable`,
`declined` (the model would not keep it), `below_score`, or `incomplete` (a fact lacks what a
context needs of it).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from knowledge.facts import Facts
from knowledge.parsing import Parsed, parse_answer
from knowledge.responder import respond
from knowledge.shapes import Fact, new_fact
from toon_adapter import faults

SHORTEST = 100
"""Characters below which a content says too little to be worth a model's time."""
LONGEST = 3000
"""Bytes of a content that the model is shown; the outcome says when there were more."""
LEAST_SCORE = 0.6
KINDS = ("review", "commit")
OUTCOMES = ("stored", "below_score", "declined", "unparsable", "incomplete", "too_short")


@dataclass(frozen=True)
class Request:
    """What to extract from: `answer` is the model's, where the caller has asked it already."""

    content: str
    source_type: str
    focus: str = ""
    answer: str | None = None

    @property
    def source(self) -> str:
        """Return what its facts name as their source."""
        return f"{self.source_type} {self.focus}".strip()


@dataclass(frozen=True)
class Outcome:
    """What became of an extraction."""

    outcome: str
    level: str = "none"
    facts: tuple[Fact, ...] = ()
    detail: str = ""
    cut: bool = False

    def told(self) -> dict[str, Any]:
        """Return it as an answer to the caller."""
        ids = [fact["id"] for fact in self.facts]
        names = {"outcome": self.outcome, "parse_level": self.level, "stored": len(ids)}
        return {**names, "facts": ids, "detail": self.detail, "content_cut": self.cut}


ParsedAt = Callable[[Request, str], None]
"""Is told the level at which an answer was parsed, or `none`."""


def read_answer(request: Request, parsed_at: ParsedAt) -> tuple[Parsed | None, bool]:
    """Ask the model and parse what it says; also return whether the content was cut for it."""
    shown = request.content.encode("utf-8", "replace")
    content = shown[:LONGEST].decode("utf-8", "ignore")
    answer = respond(content) if request.answer is None else request.answer
    parsed = parse_answer(answer)
    parsed_at(request, parsed.level if parsed else "none")
    return parsed, len(shown) > LONGEST


def extract(request: Request, facts: Facts, parsed_at: ParsedAt) -> Outcome:
    """Extract and store; every fact of the outcome is on the disk when this returns."""
    if len(request.content) < SHORTEST:
        detail = f"{len(request.content)} characters; at least {SHORTEST} are needed"
        return Outcome("too_short", detail=detail)
    parsed, cut = read_answer(request, parsed_at)
    if parsed is None:
        return Outcome("unparsable", detail="no level of the fallback finds an answer", cut=cut)
    refused, detail = refusal(parsed.answer)
    if refused:
        return Outcome(refused, parsed.level, detail=detail, cut=cut)
    score = parsed.answer["score"]
    found = [new_fact(fact, request.source, score) for fact in parsed.answer["facts"]]
    for fact in found:
        facts.append(fact)
    return Outcome("stored", parsed.level, tuple(found), cut=cut)


def refusal(answer: dict[str, Any]) -> tuple[str, str]:
    """Return the outcome of an answer that is not stored, and why; empty texts for one that is."""
    if answer.get("should_store") is not True:
        return "declined", "the answer says that this need not be stored"
    score = answer.get("score")
    if isinstance(score, bool) or not isinstance(score, (int, float)):
        return "incomplete", "the answer has no score"
    if score < LEAST_SCORE:
        return "below_score", f"score {score:g}; at least {LEAST_SCORE:g} is needed"
    found = answer.get("facts")
    if not isinstance(found, list) or not found:
        return "incomplete", "the answer has no facts"
    problems = [problem for number, fact in enumerate(found) for problem in lacking(fact, number)]
    return ("incomplete", "; ".join(problems)) if problems else ("", "")


def lacking(fact: object, number: int) -> list[str]:
    """Return what a fact of an answer lacks, or cannot be written as UTF-8."""
    where = f"facts[{number}]"
    known = {"source": "", "relevance_score": 0.0, **fact} if isinstance(fact, dict) else fact
    if problems := faults(known, where):
        return problems
    try:
        json.dumps(fact, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return [f"{where} has half of a character"]
    return []
