"""Two records on one line: a newline was lost, or a torn record got another one after it."""

from __future__ import annotations

from collections.abc import Iterator

from .strict import deeper_than, parse_json

SPACE = " \t\r"
CANDIDATES = 64
"""Places at which a record is looked for after a torn one, so that no line costs too much."""

MOST_PARTS = 64


def glued_parts(text: str, deepest: int) -> list[int]:
    """Where each part of the line ends, white space included; empty when it is not glued.

    The first part may be torn, the last as well; each of the others is JSON.
    """
    ends = whole_values(text)
    if len(ends) > 1:
        return ends
    torn = torn_end(text, deepest)
    return [torn, *(torn + end for end in whole_values(text[torn:]))] if torn else []


def whole_values(text: str) -> list[int]:
    """Where each of the values that follow one another ends; the last takes what is left.

    Only an object or an array follows another value. Empty when something else is left.
    """
    ends: list[int] = []
    place = skip(text, 0)
    while place < len(text) and len(ends) < MOST_PARTS and (not ends or text[place] in "{["):
        try:
            place = skip(text, parse_json(text, place)[1])
        except (ValueError, RecursionError, MemoryError):
            break
        ends.append(place)
    if place == len(text):
        return ends
    return [*ends, len(text)] if text[place] in "{[" else []


def skip(text: str, place: int) -> int:
    """The next place that is no white space."""
    return len(text) - len(text[place:].lstrip(SPACE))


def torn_end(text: str, deepest: int) -> int:
    """Where a torn record ends and a whole one begins; 0 when there is no such place."""
    for place in openings(text):
        rest = text[place:]
        if deeper_than(rest, deepest):
            continue
        try:
            if not rest[parse_json(rest, 0)[1] :].strip(SPACE):
                return place
        except (ValueError, RecursionError, MemoryError):
            continue
    return 0


def openings(text: str) -> Iterator[int]:
    """Where an object begins as the line itself does, or before the line had its first key.

    An object inside a record that was cut begins so, too, but with another key.
    """
    colon = text.find(":")
    opening = text[: colon + 1]
    place = text.find('{"', 1)
    for _ in range(CANDIDATES):
        if place < 0:
            return
        if place < colon or text.startswith(opening, place):
            yield place
        place = text.find('{"', place + 1)
