"""Many lines at once by the standard library, where a host has nothing faster.

The strict parser notes everything that it must, but knows nothing of lines: what is told of them
one by one is asked of all of them here.
"""

from __future__ import annotations

from typing import Any

from .joined import SEPARATOR, Quick, are_records, join
from .strict import parse_json


def read_plain(deepest: int) -> Quick:
    """A judge of many lines, by the strict parser."""

    def records_of(lines: bytes) -> list[Any] | None:
        """Parse, and prove."""
        if b"\r" in lines or SEPARATOR in lines or may_be_deep(lines, deepest):
            return None
        joined = join(lines)
        try:
            text = joined.decode("utf-8")
            values, end, notes = parse_json(text, 0)
        except (ValueError, RecursionError, MemoryError):
            return None
        if end != len(text) or notes.kind or notes.twice:
            return None
        return values[::2] if are_records(values, lines, joined) else None

    return records_of


def may_be_deep(lines: bytes, deepest: int) -> bool:
    """True when one of the lines has brackets enough to nest too deep."""
    if lines.count(b"{") + lines.count(b"[") <= deepest:
        return False
    each = lines.split(b"\n")
    return any(line.count(b"{") + line.count(b"[") > deepest for line in each)
