"""Many lines as one array, so that a parser is called once for all of them.

Between each two lines stands a number that none of them contains. An integer has one spelling in
JSON. If as many of it stand in the array as were put there, each at an odd place, then no line
reaches into the next, and none has two values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

SEPARATOR = b"7205759403792793"
"""An integer of 16 digits, so that lines without a long run of digits cannot contain it."""

BETWEEN = b"," + SEPARATOR + b","

Quick = Callable[[bytes], Optional[list[Any]]]
"""The records of whole lines, without the last newline; None when that cannot be proved."""


def join(lines: bytes) -> bytes:
    """The lines as one array."""
    return b"".join((b"[", lines.replace(b"\n", BETWEEN), b"]"))


def are_records(values: list[Any], lines: bytes, joined: bytes) -> bool:
    """True when each line is one object, provided that no line contains the separator."""
    breaks = (len(joined) - len(lines) - 2) // (len(BETWEEN) - 1)
    between = values[1::2]
    if len(values) != 2 * breaks + 1 or between.count(int(SEPARATOR)) != breaks:
        return False
    return set(map(type, between)) <= {int} and set(map(type, values[::2])) == {dict}
