"""JSON by the standard library, made strict: what it lets pass silently is noted.

Nothing is raised for any text but ValueError, and a parser's own limits are kept out of reach.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

LEAST, MOST = -(2**63), 2**63 - 1
LONGEST_INTEGER = len(str(LEAST))
SIGNIFICANT = 17
"""Decimal digits beyond which a double cannot tell two numbers apart."""

HALF = re.compile(r"\\u[dD][89a-fA-F]")
BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)


class Notes:
    """What a parser met and does not call an error. Of several the first counts."""

    def __init__(self) -> None:
        self.kind = ""
        self.words = ""
        self.twice = ""

    def note(self, kind: str, words: str) -> None:
        """Keep the first."""
        if not self.kind:
            self.kind, self.words = kind, words

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """An object, of which the last value of a key counts, as everywhere."""
        record = dict(pairs)
        if len(record) != len(pairs) and not self.twice:
            names = [name for name, _ in pairs]
            twice = next(name for name in record if names.count(name) > 1)
            self.twice = f"the key {twice!a:.60} stands twice"
        return record

    def constant(self, text: str) -> None:
        """NaN or an infinity."""
        self.note("constant", f"{text} is no JSON")

    def integer(self, text: str) -> int:
        """An integer; a longer one is not even read, for its time grows with its square."""
        if len(text) <= LONGEST_INTEGER and LEAST <= int(text) <= MOST:
            return int(text)
        self.note("number", f"the integer {text:.40} is beyond 64 bits with sign")
        return 0

    def fraction(self, text: str) -> float:
        """A double."""
        value = float(text)
        words = fraction_problem(text, value)
        if words:
            self.note("number", f"{text:.40} {words}")
        return value


def fraction_problem(text: str, value: float) -> str:
    """Why a fraction would not come back as it was written; an empty text when it would.

    It comes back when the double, written with as many digits as the text has, is the text again.
    """
    digits = text.lower().partition("e")[0].lstrip("-").replace(".", "").strip("0")
    if not digits:
        return ""
    if math.isinf(value):
        return "is larger than any double"
    if value == 0:
        return "is smaller than any double"
    if len(digits) > SIGNIFICANT:
        return f"has more than {SIGNIFICANT} digits, which a double does not hold"
    again = f"{abs(value):.{len(digits) - 1}e}".partition("e")[0].replace(".", "")
    return "" if again == digits else "would come back as another number"


def parse_json(text: str, begin: int) -> tuple[Any, int, Notes]:
    """The value that begins at ``begin``, where it ends, and what was noted. Raises ValueError."""
    notes = Notes()
    decoder = json.JSONDecoder(
        object_pairs_hook=notes.pairs,
        parse_constant=notes.constant,
        parse_float=notes.fraction,
        parse_int=notes.integer,
    )
    value, end = decoder.raw_decode(text, begin)
    if not notes.kind and HALF.search(text) and has_half(value):
        notes.note("surrogate", "an escape of half a character, which no UTF-8 can hold")
    return value, end, notes


def has_half(value: Any) -> bool:
    """True when a text in a value, or a key, cannot be written as UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def deeper_than(text: str, deepest: int) -> bool:
    """True when brackets outside of texts nest deeper; also told of text that is no JSON."""
    if text.count("[") + text.count("{") <= deepest:
        return False
    return any(depth > deepest for depth in depths(text))


def depths(text: str) -> Iterator[int]:
    """The depth after each opening bracket."""
    depth = 0
    for token in BRACKET.finditer(text):
        if token[0] in ("[", "{"):
            depth += 1
            yield depth
        elif token[0] in ("]", "}"):
            depth -= 1
