"""Random values as JSON and YAML can bring them: of every type, hostile texts, and nested."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from tests.security.hostile import CONTROL, templates, words

TEXTS = [
    *CONTROL.values(),
    *templates(Path("/canary")).values(),
    *(text for text in words(Path("/canary")).values() if len(text) < 1000),
]
PLAIN = ["demo", "/srv/demo", "1.1", "http://127.0.0.1:8000/", "sha256:" + "0" * 64, "0" * 40, "1h"]
NUMBERS = [0, 1, -1, 7, 2**31, 2**63, -(2**63) - 1, 10**30, 0.5, -0.0, 1e308, 5e-324, True, False]


def value(chance: random.Random, depth: int = 3) -> Any:
    """One value."""
    kind = chance.randrange(9 if depth else 6)
    if kind == 0:
        return None
    if kind in (1, 2):
        return chance.choice(NUMBERS)
    if kind == 3:
        return chance.choice(PLAIN)
    if kind in (4, 5):
        return chance.choice(TEXTS)
    few = range(chance.randrange(4))
    if kind == 6:
        return [value(chance, depth - 1) for _ in few]
    return {chance.choice([*PLAIN, *TEXTS]): value(chance, depth - 1) for _ in few}


def spoil(chance: random.Random, given: Any) -> Any:
    """A copy of a value in which something is replaced, lost, added or of another type."""
    if isinstance(given, dict) and given and chance.random() < 0.9:
        key = chance.choice(list(given))
        kind = chance.randrange(12)
        if kind == 0:
            return {k: v for k, v in given.items() if k != key}
        if kind == 1:
            return {**given, chance.choice([*PLAIN, *TEXTS]): value(chance)}
        return {**given, key: spoil(chance, given[key])}
    if isinstance(given, list) and given and chance.random() < 0.8:
        place = chance.randrange(len(given))
        return [*given[:place], spoil(chance, given[place]), *given[place + 1 :]]
    return value(chance)
