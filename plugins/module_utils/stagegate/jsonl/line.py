"""The verdict on one line, of any bytes, by the standard library alone.

Whatever judges many lines at once must give the same verdicts as this.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from .glued import glued_parts
from .rules import Rules
from .strict import deeper_than, parse_json

BOM = b"\xef\xbb\xbf"
SPACE = " \t\r"


@dataclass(frozen=True)
class Fault:
    """What is wrong with ``length`` bytes at ``at`` of a line; ``near`` is the very place."""

    kind: str
    message: str
    at: int
    length: int
    near: int = 0


@dataclass(frozen=True)
class Parsed:
    """What became of a line: a record, nothing (a blank line that is accepted), or faults.

    ``accepted`` names what a policy let pass.
    """

    line: bytes
    record: Any = None
    empty: bool = False
    faults: tuple[Fault, ...] = ()
    accepted: tuple[str, ...] = ()

    def bad(self, kind: str, message: str, near: int = 0) -> Parsed:
        """The whole line is bad."""
        return replace(self, faults=(Fault(kind, message, 0, len(self.line), near),))

    def passed(self, kind: str) -> Parsed:
        """A policy lets this pass."""
        return replace(self, accepted=(*self.accepted, kind))


def parse_line(line: bytes, rules: Rules, first: bool = False) -> Parsed:
    """Judge a line without its newline; ``first`` says that it is the first of its file."""
    known, begin, stop = Parsed(line), 0, len(line)
    if len(line) > rules.longest_line:
        return known.bad("too_long", f"the line is longer than {rules.longest_line} bytes")
    if line.startswith(BOM):
        if not (first and rules.accepts("bom")):
            return known.bad("bom", "a byte order mark stands before the record")
        known, begin = known.passed("bom"), len(BOM)
    if line.endswith(b"\r"):
        if not rules.accepts("crlf"):
            return known.bad("crlf", "the line ends with a carriage return", stop)
        known, stop = known.passed("crlf"), stop - 1
    body = line[begin:stop]
    if not body.strip(SPACE.encode()):
        if not rules.accepts("blank"):
            return known.bad("blank", "the line is blank")
        return replace(known.passed("blank"), empty=True)
    if body.strip(b"\0") != body:
        return known.bad("nul_padding", "NUL bytes stand before or after the record")
    return parse_body(known, body, begin, rules)


def parse_body(known: Parsed, body: bytes, begin: int, rules: Rules) -> Parsed:
    """Judge what stands between the ends of a line."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        near = begin + error.start
        return known.bad("not_utf8", f"byte {near + 1} of the line is no UTF-8", near)
    if deeper_than(text, rules.deepest):
        return known.bad("depth", f"brackets are nested deeper than {rules.deepest}")
    try:
        value, end, notes = parse_json(text, len(text) - len(text.lstrip(SPACE)))
        rest = text[end:].strip(SPACE)
    except RecursionError:
        return known.bad("depth", "brackets are nested deeper than the parser can follow")
    except MemoryError:
        return known.bad("too_long", "the record does not fit into memory")
    except ValueError as error:
        return not_json(known, text, begin, getattr(error, "pos", 0), str(error), rules)
    if rest:
        return not_json(known, text, begin, end, "text follows the record", rules)
    if notes.kind:
        return known.bad(notes.kind, notes.words)
    if notes.twice:
        if not rules.accepts("duplicate_key"):
            return known.bad("duplicate_key", notes.twice)
        known = known.passed("duplicate_key")
    return parse_value(known, value, text, rules)


def parse_value(known: Parsed, value: Any, text: str, rules: Rules) -> Parsed:
    """Judge a line that is strict JSON."""
    if "\r" in text:
        if not rules.accepts("cr"):
            return known.bad("cr", "a carriage return stands between the tokens of the record")
        known = known.passed("cr")
    if not isinstance(value, dict):
        if not rules.accepts("not_an_object"):
            return known.bad("not_an_object", f"a record must be an object, not {named(value)}")
        known = known.passed("not_an_object")
    return replace(known, record=value)


def named(value: Any) -> str:
    """JSON's own word for what a value is."""
    words = {list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return words.get(type(value), "a number")


def not_json(known: Parsed, text: str, begin: int, place: int, reason: str, rules: Rules) -> Parsed:
    """Judge a line that is no JSON: two records on one line are told apart from nonsense."""
    parts = glued_parts(text, rules.deepest)
    if not parts and "\0" in text:
        return known.bad("nul_padding", "NUL bytes stand inside the record", text.index("\0"))
    if not parts:
        near = begin + len(text[:place].encode())
        short = reason.partition(": line ")[0][:80]
        return known.bad("not_json", f"no JSON at byte {near + 1} of the line: {short}", near)
    faults, at, begun = [], begin, 0
    for number, part in enumerate(parts):
        length = len(text[begun:part].encode())
        words = f"{len(parts)} records stand on one line; this is number {number + 1} of them"
        faults.append(Fault("glued", words, at, length, at))
        at, begun = at + length, part
    return replace(known, faults=tuple(faults))
