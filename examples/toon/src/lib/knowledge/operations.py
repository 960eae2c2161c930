"""What the service can be asked to do, without the web."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knowledge.contexts import Contexts, NotKept
from knowledge.extraction import KINDS, Outcome, ParsedAt, Request, extract, read_answer
from knowledge.facts import Facts
from knowledge.monitor import examine
from knowledge.quality import Quality
from knowledge.shapes import Fact, for_context
from toon_adapter import KnowledgeTOONAdapter

STATUS = {"stored": 201, "unparsable": 422, "incomplete": 422}
"""Outcomes that are no plain decision of the model."""


class Refused(Exception):
    """A request that the service refuses; the text says why."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Call:
    """One request, already parsed."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)

    def limit(self, default: int = 20) -> int:
        """Return the query's `limit`, 1 to 1000."""
        given = self.query.get("limit", str(default))
        if not given.isdecimal() or not 1 <= int(given) <= 1000:
            raise Refused(422, "invalid", f"limit must be a number from 1 to 1000, not {given!r}")
        return int(given)


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked; `act` returns the status and what to answer."""

    method: str
    path: str
    act: Callable[[Call], tuple[int, Any]]


class Knowledge:
    """The operations on one knowledge base."""

    def __init__(
        self,
        root: Path,
        facts: Facts,
        contexts: Contexts,
        parsed_at: ParsedAt,
        ended: Callable[[Request, Outcome], None],
    ) -> None:
        self._root = root
        self._facts = facts
        self._contexts = contexts
        self._parsed_at = parsed_at
        self._ended = ended
        self.quality = Quality(facts, contexts)

    def operations(self) -> Sequence[Operation]:
        """Return everything that can be asked; of two that fit, the first is taken."""
        return (
            Operation("POST", "/extract", self.extract),
            Operation("GET", "/extract/trial", self.trial),
            Operation("GET", "/facts/{id}", self.fact),
            Operation("DELETE", "/facts/{id}", self.remove_fact),
            Operation("GET", "/search", self.search),
            Operation("GET", "/contexts", self.list_contexts),
            Operation("POST", "/contexts/{name}", self.render),
            Operation("GET", "/contexts/{name}", self.context),
            Operation("DELETE", "/contexts/{name}", self.remove_context),
            Operation("GET", "/monitor", self.monitor),
            Operation("GET", "/tokens", self.tokens),
            Operation("GET", "/round-trip", self.round_trip),
        )

    def extract(self, call: Call) -> tuple[int, Any]:
        """Extract facts and store them."""
        request = request_of(call.body)
        outcome = extract(request, self._facts, self._parsed_at)
        self._ended(request, outcome)
        return STATUS.get(outcome.outcome, 200), outcome.told()

    def trial(self, call: Call) -> tuple[int, Any]:
        """Ask the model and parse its answer, and store nothing."""
        parsed, _ = read_answer(request_of(call.query), self._parsed_at)
        return 200, {"parse_level": parsed.level if parsed else "none"}

    def fact(self, call: Call) -> tuple[int, Any]:
        """Return a fact as it is stored."""
        return 200, self._known(call.path["id"])

    def _known(self, fact_id: str) -> Fact:
        fact = self._facts.get(fact_id)
        if fact is None:
            raise Refused(404, "not_found", f"there is no fact {fact_id}")
        return fact

    def remove_fact(self, call: Call) -> tuple[int, Any]:
        """Take a fact away."""
        self._known(call.path["id"])
        self._facts.remove(call.path["id"])
        return 200, {"removed": call.path["id"]}

    def search(self, call: Call) -> tuple[int, Any]:
        """Return the facts that have the most of the words asked for."""
        question = call.query.get("q", "").strip()
        if not question:
            raise Refused(422, "invalid", "the query parameter 'q' is missing")
        return 200, {"facts": self._facts.search(question, call.limit())}

    def list_contexts(self, _call: Call) -> tuple[int, Any]:
        """Return the names of the contexts."""
        return 200, {"contexts": self._contexts.names()}

    def render(self, call: Call) -> tuple[int, Any]:
        """Render the facts that are named, or found by a question, into a context."""
        chosen = [for_context(fact) for fact in self._chosen(call.body)]
        if not chosen:
            raise Refused(422, "invalid", "no facts were named or found: give 'ids' or 'q'")
        try:
            text = self._contexts.render(call.path["name"], chosen)
        except NotKept as error:
            raise Refused(422, "not_kept", str(error)) from error
        except ValueError as error:
            raise Refused(422, "invalid", str(error)) from error
        compared = KnowledgeTOONAdapter.compare_formats(chosen)
        return 201, {"name": text.name, "toon": text.toon, **compared}

    def _chosen(self, body: Mapping[str, Any]) -> list[Fact]:
        ids = body.get("ids")
        if isinstance(ids, list):
            return [self._known(str(fact_id)) for fact_id in ids]
        question = str(body.get("q", "")).strip()
        return self._facts.search(question, int(body.get("limit", 20))) if question else []

    def context(self, call: Call) -> tuple[int, Any]:
        """Return a context, decoded."""
        try:
            text = self._contexts.read(call.path["name"], call.query.get("form", "full"))
        except ValueError as error:
            raise Refused(422, "invalid", str(error)) from error
        if text is None:
            raise Refused(404, "not_found", f"there is no context {call.path['name']}")
        if fault := text.faults():
            raise Refused(500, "undecodable", fault)
        facts = KnowledgeTOONAdapter.toon_to_json(text.toon)
        return 200, {"name": text.name, "form": text.form, "toon": text.toon, "facts": facts}

    def remove_context(self, call: Call) -> tuple[int, Any]:
        """Delete a context."""
        try:
            removed = self._contexts.remove(call.path["name"])
        except ValueError as error:
            raise Refused(422, "invalid", str(error)) from error
        if not removed:
            raise Refused(404, "not_found", f"there is no context {call.path['name']}")
        return 200, {"removed": call.path["name"]}

    def monitor(self, _call: Call) -> tuple[int, Any]:
        """Return the state of each component, and the verdict that follows."""
        report = examine(self._root, self._facts.path, self._contexts.directory)
        told = {"verdict": report.verdict, "well": report.well, "lines": list(report.lines())}
        return (200 if report.well else 503), told

    def tokens(self, _call: Call) -> tuple[int, Any]:
        """Return what TOON saves on the newest facts."""
        return 200, self.quality.saving()

    def round_trip(self, _call: Call) -> tuple[int, Any]:
        """Return which stored facts TOON does not give back, and how they come."""
        look = self.quality.look()
        return 200, {"checked": look.checked, "lost": look.lost}


def request_of(given: Mapping[str, Any]) -> Request:
    """Return what to extract from. Raises Refused for what cannot be right."""
    texts = {name: given.get(name, "") for name in ("content", "source_type", "focus")}
    answer = given.get("answer")
    if not all(isinstance(text, str) for text in (*texts.values(), answer or "")):
        raise Refused(422, "invalid", "content, source_type, focus and answer must be texts")
    if texts["source_type"] not in KINDS:
        raise Refused(422, "invalid", f"source_type must be one of {', '.join(KINDS)}")
    try:
        texts["focus"].encode()
    except UnicodeEncodeError as error:
        raise Refused(422, "invalid", "focus has half of a character") from error
    return Request(texts["content"], texts["source_type"], texts["focus"], answer)
