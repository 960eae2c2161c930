"""Facts as TOON: the one place of this release that knows the package python-toon."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import toon

from knowledge.tokens import count_tokens

Fact = dict[str, Any]
Fields = Mapping[str, tuple[type, ...]]
REQUIRED: Fields = {
    "title": (str,),
    "summary": (str,),
    "source": (str,),
    "tags": (list,),
    "relevance_score": (int, float),
}
"""What a fact in a context must have, and as what."""
BRIEF: Fields = {name: REQUIRED[name] for name in ("title", "source", "relevance_score")}
"""The same for a context that has one line for each fact."""


class KnowledgeTOONAdapter:
    """Turns lists of facts into TOON and back, and says what that keeps."""

    @staticmethod
    def version() -> str:
        """Return the version of python-toon that does the work."""
        return version("python-toon")

    @staticmethod
    def json_to_toon(facts: Sequence[Fact]) -> str:
        """Return the facts as TOON; no facts are an empty text."""
        return toon.encode(list(facts)) if facts else ""

    @staticmethod
    def toon_to_json(text: str) -> list[Any]:
        """Return what a text holds as a list; a text that holds one thing is a list of one.

        Raises ValueError for a text that is no TOON.
        """
        if not text.strip():
            return []
        try:
            found = toon.decode(text)
        except Exception as error:
            # The package raises errors of several kinds, built-in ones among them.
            raise ValueError(f"no TOON: {type(error).__name__}: {error}") from error
        return found if isinstance(found, list) else [found]

    @staticmethod
    def validate(text: str, required: Fields = REQUIRED) -> tuple[bool, list[str]]:
        """Say whether a text is a list of facts with every required field, and what is wrong."""
        try:
            found = KnowledgeTOONAdapter.toon_to_json(text)
        except ValueError as error:
            return False, [str(error)]
        problems = [
            problem
            for number, fact in enumerate(found)
            for problem in faults(fact, f"[{number}]", required)
        ]
        return not problems, problems

    @staticmethod
    def compare_formats(facts: Sequence[Fact]) -> dict[str, Any]:
        """Return characters and tokens of the facts as JSON and as TOON, and the saving in percent.

        JSON as a prompt has it, on one line. Tokens are counted by `knowledge.tokens`. The saving
        is below 0 where TOON is longer, as it is for little input.
        """
        texts = {
            "json": json.dumps(list(facts), ensure_ascii=False),
            "toon": KnowledgeTOONAdapter.json_to_toon(facts),
        }
        tokens = {name: count_tokens(text) for name, text in texts.items()}
        saved = (tokens["json"] - tokens["toon"]) / tokens["json"] * 100
        return {
            "facts": len(facts),
            "characters": {name: len(text) for name, text in texts.items()},
            "tokens": tokens,
            "reduction_percent": round(saved, 2),
        }

    @staticmethod
    def roundtrip_test(facts: Sequence[Fact]) -> bool:
        """Say whether the facts come back from TOON as they were."""
        return not damage(facts)


def damage(facts: Sequence[Fact]) -> str:
    """Say what becomes of facts on their way through TOON and back; empty when nothing does."""
    try:
        back = KnowledgeTOONAdapter.toon_to_json(KnowledgeTOONAdapter.json_to_toon(facts))
    except Exception as error:  # noqa: BLE001 - encoding fails in as many ways as decoding
        return f"{type(error).__name__}: {error}"
    if back == list(facts):
        return ""
    return f"comes back as {json.dumps(back, ensure_ascii=False)[:200]}"


def faults(fact: object, where: str, required: Fields = REQUIRED) -> list[str]:
    """Return what a fact lacks of the required fields, or has as another type."""
    if not isinstance(fact, dict):
        return [f"{where} is {type(fact).__name__}, not a fact"]
    return [
        f"{where}.{name} is {type(fact[name]).__name__ if name in fact else 'missing'}"
        for name, kinds in required.items()
        if not isinstance(fact.get(name), kinds) or isinstance(fact[name], bool)
    ]
