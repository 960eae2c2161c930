"""What this release makes of what is stored: which facts it keeps, and at what size."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from knowledge.contexts import Contexts, Text, name_of
from knowledge.facts import Facts
from knowledge.reference import REFERENCE
from knowledge.shapes import Fact, for_context
from toon_adapter import KnowledgeTOONAdapter, damage

NEWEST = 200
"""Facts that the saving of tokens is measured on, beside those of the reference."""
TOGETHER = 20
"""Facts of a context, as they are usually rendered."""


@dataclass(frozen=True)
class Look:
    """One look at everything: `lost` names facts that TOON does not give back, and how they come.

    `checked` counts the facts, those of the reference included, so that it is never 0.
    `undecodable` names files of contexts, of which there are `contexts`, with what is wrong in
    them.
    """

    checked: int
    lost: dict[str, str]
    contexts: int
    undecodable: dict[str, str]

    @property
    def kept_percent(self) -> float:
        """The share of facts that come back as they were."""
        return (self.checked - len(self.lost)) / self.checked * 100


class Quality:
    """Judges each fact and each context once: neither changes under its name without being new."""

    def __init__(self, facts: Facts, contexts: Contexts) -> None:
        self._facts = facts
        self._contexts = contexts
        self._lock = threading.Lock()
        self._damage: dict[str, tuple[Fact, str]] = {}
        self._faults: dict[Text, str] = {}

    def look(self) -> Look:
        """Return what holds now."""
        with self._lock:
            facts = [*REFERENCE, *self._facts.all()]
            lost = {name_of(fact): how for fact in facts if (how := self._damage_of(fact))}
            self._faults = {text: self._faults_of(text) for text in self._contexts.all()}
            wrong = {text.file: fault for text, fault in self._faults.items() if fault}
            return Look(len(facts), lost, len(self._faults), wrong)

    def _damage_of(self, fact: Fact) -> str:
        known = self._damage.get(fact["id"])
        if known is None or known[0] is not fact:
            known = self._damage[fact["id"]] = (fact, damage([fact]))
        return known[1]

    def _faults_of(self, text: Text) -> str:
        known = self._faults.get(text)
        return text.faults() if known is None else known

    def saving(self) -> dict[str, int | float]:
        """Return what TOON saves on the newest facts."""
        return saving_of(self._facts.all()[-NEWEST:])


def saving_of(facts: Sequence[Fact]) -> dict[str, int | float]:
    """Return the tokens of facts as JSON and as TOON, in contexts of usual size."""
    sizes = [
        KnowledgeTOONAdapter.compare_formats([for_context(fact) for fact in group])["tokens"]
        for group in in_groups([*REFERENCE, *facts])
    ]
    as_json, as_toon = (sum(size[name] for size in sizes) for name in ("json", "toon"))
    percent = round((as_json - as_toon) / as_json * 100, 2)
    return {"json": as_json, "toon": as_toon, "reduction_percent": percent}


def in_groups(facts: Sequence[Fact]) -> list[Sequence[Fact]]:
    """Return facts as contexts take them."""
    return [facts[start : start + TOGETHER] for start in range(0, len(facts), TOGETHER)]
