"""What this release makes of what is stored: which facts it keeps, and at what size."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from knowledge.contexts import Contexts, Text
from knowledge.facts import Facts
from knowledge.reference import REFERENCE
from knowledge.shapes import Fact, for_context
from toon_adapter import KnowledgeTOONAdapter, damage

Sizes = dict[str, int]
NEWEST = 200
"""Facts that the saving of tokens is measured on, beside those of the reference."""
TOGETHER = 20
"""Facts of a context, as they are usually rendered."""


@dataclass(frozen=True)
class Look:
    """One look at everything: `lost` has the ids of facts that TOON does not give back, and how.

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
        self._sizes: dict[tuple[str, ...], Sizes] = {}

    def look(self) -> Look:
        """Return what holds now."""
        with self._lock:
            facts = [*REFERENCE, *self._facts.all()]
            lost = {fact["id"]: how for fact in facts if (how := self._damage_of(fact))}
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
        """Return what TOON saves on the newest facts, a group once and again when it changes."""
        facts = self._facts.all()
        first = max(0, len(facts) - NEWEST) // TOGETHER * TOGETHER
        with self._lock:
            groups = in_groups(facts[first:])
            known = self._sizes
            self._sizes = {ids: known.get(ids) or sizes_of(group) for ids, group in groups.items()}
            return saving_of_sizes(self._sizes.values())


def saving_of(facts: Sequence[Fact]) -> dict[str, int | float]:
    """Return the tokens of facts as JSON and as TOON, in contexts of usual size."""
    return saving_of_sizes(sizes_of(group) for group in in_groups(facts).values())


def sizes_of(group: Sequence[Fact]) -> Sizes:
    """Return the tokens of one context in either form."""
    chosen = [for_context(fact) for fact in group]
    tokens: Sizes = KnowledgeTOONAdapter.compare_formats(chosen)["tokens"]
    return tokens


def saving_of_sizes(groups: Iterable[Sizes]) -> dict[str, int | float]:
    """Return the tokens of all groups together, and how much shorter TOON is."""
    sizes = list(groups)
    as_json, as_toon = (sum(size[name] for size in sizes) for name in ("json", "toon"))
    percent = round((as_json - as_toon) / as_json * 100, 2)
    return {"json": as_json, "toon": as_toon, "reduction_percent": percent}


def in_groups(facts: Sequence[Fact]) -> dict[tuple[str, ...], Sequence[Fact]]:
    """Return facts as contexts take them, those of the reference first, by the ids in each."""
    starts = range(0, len(facts), TOGETHER)
    groups = [REFERENCE, *(facts[start : start + TOGETHER] for start in starts)]
    return {tuple(fact["id"] for fact in group): group for group in groups}
