"""Many lines at once by `orjson`, with proofs that the strict parser would find nothing in them.

orjson is strict about JSON and UTF-8, but says nothing of keys that stand twice, reads integers
beyond 64 bits as fractions, and lets fractions lose digits. Each proof below may fail for good
lines, which the strict parser then judges one by one; none may hold for a bad one.

- *One value a line.* The lines are parsed as one array, with a number between each two lines that
  none of them contains. An integer has one spelling in JSON. If as many of it stand in the array
  as were put there, each at an odd place, no line reaches into the next and none has two values.
- *No key twice.* A pair that was dropped takes its colon with it, and the colons in its texts. So
  the values written out again have exactly as many colons only when nothing was dropped, provided
  that no colon was written as an escape.
- *Integers.* Writing them out again fails beyond 53 bits; a longer one has 16 digits or more.
- *Fractions.* Those of up to 15 digits and an exponent not below -99 always come back. Digits and
  points are made zeros, so that a longer run of them is one search.
- *Depth.* orjson writes only so many levels, and is given enough around the values to make that
  limit ours.
- *No carriage return* outside of texts: there is none at all.

Lines that orjson writes again to the byte need no other proof than that of the separators.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Optional

SEPARATOR = b"7205759403792793"
"""An integer of 16 digits, so that lines without a long run of digits cannot contain it."""

BETWEEN = b"," + SEPARATOR + b","
SAMPLE = 64
"""Bytes of which some differ when the lines are written in another way."""

DIGITS = bytes(48 if byte in b"0123456789." else byte for byte in range(256))
DIGITS = DIGITS.replace(b"E", b"e")
RUN = b"0" * 16
EXPONENT = b"0e-000"
ENDS = (b"", b",", b"}", b"]", b" ", b"\t", b"\n")
"""What may follow a number; a UUID goes on otherwise."""

MOST_LEVELS = 300

Quick = Callable[[bytes], Optional[list[Any]]]
"""The records of whole lines, without the last newline; None when that cannot be proved."""


@lru_cache(maxsize=8)
def read_quick(deepest: int) -> Quick | None:
    """A judge of many lines; None where orjson is missing, or does not keep its limits."""
    try:
        import orjson
    except ImportError:
        return None
    around = levels_around(orjson, deepest)
    if around < 0:
        return None
    option = orjson.OPT_STRICT_INTEGER

    def records_of(lines: bytes) -> list[Any] | None:
        """Parse, and prove."""
        joined = b"".join((b"[", lines.replace(b"\n", BETWEEN), b"]"))
        try:
            values: list[Any] = orjson.loads(joined)
            records = values[::2]
            again = orjson.dumps(wrapped(records, around), option=option)
        except (ValueError, TypeError, RecursionError, MemoryError):
            return None
        breaks = (len(joined) - len(lines) - 2) // (len(BETWEEN) - 1)
        if set(map(type, records)) != {dict} or not is_separated(values[1::2], breaks):
            return None
        if is_compact(lines, again, around + 1) and SEPARATOR not in lines:
            return records
        if b"\r" in lines or has_escaped_colon(lines) or has_long_number(lines):
            return None
        return records if again.count(b":") == lines.count(b":") else None

    return records_of


def is_separated(between: list[Any], breaks: int) -> bool:
    """True when every newline became a value of its own between two others."""
    found = between.count(int(SEPARATOR))
    return len(between) == found == breaks and set(map(type, between)) <= {int}


def is_compact(lines: bytes, again: bytes, brackets: int) -> bool:
    """True when the lines are what orjson would write, to the byte; most differ in the first."""
    begin = again[brackets : brackets + SAMPLE]
    if not lines.startswith(begin[: len(lines.partition(b"\n")[0])]):
        return False
    return again[brackets:-brackets] == lines.replace(b"\n", b",")


def has_escaped_colon(lines: bytes) -> bool:
    """True when a colon may be written as an escape."""
    return b"\\" in lines and (b"\\u003a" in lines or b"\\u003A" in lines)


def has_long_number(lines: bytes) -> bool:
    """True when a number may have more than 15 digits, or an exponent below -99."""
    zeros = lines.translate(DIGITS)
    if RUN in zeros:
        return True
    place = zeros.find(EXPONENT)
    while place >= 0:
        after = zeros[place + len(EXPONENT) : place + len(EXPONENT) + len(RUN)].lstrip(b"0")
        if after[:1] in ENDS:
            return True
        place = zeros.find(EXPONENT, place + 1)
    return False


def wrapped(value: Any, levels: int) -> Any:
    """A value inside so many arrays."""
    for _ in range(levels):
        value = [value]
    return value


def levels_around(orjson: Any, deepest: int) -> int:
    """How many arrays around a list of records make orjson's own limit ours; -1 if none do."""
    limit = next((n for n in range(MOST_LEVELS) if not writes(orjson, wrapped(0, n + 1))), -1)
    around = limit - 1 - deepest
    for make in (lambda inner: [inner], lambda inner: {"": inner}):
        record: Any = 0
        for _ in range(deepest):
            record = make(record)
        fits = around >= 0 and writes(orjson, wrapped([record], around))
        if not fits or writes(orjson, wrapped([make(record)], around)):
            return -1
    return around


def writes(orjson: Any, value: Any) -> bool:
    """True when orjson can write a value."""
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True
