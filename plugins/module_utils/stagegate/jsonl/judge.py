"""Whole lines in, what they are out: by the quick parser where it can prove many at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..errors import Refused
from .kinds import Kinds
from .line import Fault, Parsed, parse_line
from .model import Finding
from .quick import read_quick
from .rules import QUICK, STRICT, Rules

GROUP = 16
"""Lines that are proved together after a block of them was not: most of its lines are good."""


@dataclass
class Judged:
    """What some whole lines are. Lines and offsets count from the beginning of the first of them.

    ``findings`` are the first so many; ``broken`` is where the first bad line begins.
    """

    lines: int = 0
    records: int = 0
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    broken: int | None = None


@dataclass(frozen=True)
class Part:
    """Lines that were proved good together with their records, or one line by itself."""

    offset: int
    lines: bytes
    records: list[Any] | None = None
    parsed: Parsed | None = None


class Judge:
    """Judges lines by the rules. Raises Refused where this host lacks what they ask for."""

    def __init__(self, rules: Rules, keep: int) -> None:
        self.rules = rules
        self.keep = keep
        self.kinds = Kinds(rules)
        self.quick = None if rules.parser == STRICT else read_quick(rules.deepest)
        if rules.parser == QUICK and self.quick is None:
            raise Refused(
                "the rules ask for the parser orjson, and this host has none that keeps its limits",
                now="nothing was read",
                untouched="every file",
                next="say `parser: auto`, which gives the same verdicts, or install orjson",
            )

    @property
    def parser(self) -> str:
        """The parser in use."""
        return STRICT if self.quick is None else QUICK

    def judge(self, data: bytes, first: bool) -> Judged:
        """Judge whole lines, each with its newline; ``first`` when they begin the file."""
        found = Judged()
        for part in self.parts(data, first):
            if part.records is not None:
                self.judge_many(found, part, part.records)
            elif part.parsed is not None:
                self.judge_one(found, part.offset, part.parsed)
        return found

    def parts(self, data: bytes, first: bool) -> Iterator[Part]:
        """The lines of a block, as few parts as possible."""
        records = self.try_quick(data)
        if records is not None:
            yield Part(0, data, records)
            return
        offset, lines = 0, data.split(b"\n")[:-1]
        for begin in range(0, len(lines), GROUP):
            group = lines[begin : begin + GROUP]
            together = b"\n".join(group) + b"\n"
            records = self.try_quick(together)
            if records is not None:
                yield Part(offset, together, records)
            else:
                yield from self.singly(group, offset, first and begin == 0)
            offset += len(together)

    def singly(self, lines: list[bytes], offset: int, first: bool) -> Iterator[Part]:
        """Each of a few lines by itself."""
        for number, line in enumerate(lines):
            records = self.try_quick(line + b"\n")
            if records is not None:
                yield Part(offset, line + b"\n", records)
            else:
                parsed = parse_line(line, self.rules, first and number == 0)
                yield Part(offset, line + b"\n", parsed=parsed)
            offset += len(line) + 1

    def try_quick(self, lines: bytes) -> list[Any] | None:
        """The records of lines that are all proved good; None when that cannot be proved."""
        if self.quick is None or self.has_long_line(lines):
            return None
        return self.quick(lines[:-1])

    def has_long_line(self, lines: bytes) -> bool:
        """True when one of the lines is longer than allowed."""
        longest = self.rules.longest_line
        return len(lines) > longest + 1 and max(map(len, lines.split(b"\n"))) > longest

    def judge_many(self, found: Judged, part: Part, records: list[Any]) -> None:
        """Count records, and judge each where there are kinds."""
        if not self.rules.kinds:
            found.lines += len(records)
            found.records += len(records)
            return
        offset = part.offset
        for line, record in zip(part.lines.split(b"\n"), records):
            self.judge_one(found, offset, Parsed(line, record))
            offset += len(line) + 1

    def judge_one(self, found: Judged, offset: int, parsed: Parsed) -> None:
        """Note what one line is."""
        found.lines += 1
        found.accepted.update(parsed.accepted)
        if not parsed.faults and not parsed.empty:
            name, kind, words = self.kinds.judge(parsed.record)
            if kind and not self.rules.accepts(kind):
                parsed = parsed.bad(kind, words)
            else:
                found.records += 1
                found.kinds[name] += 1
                found.accepted.update([kind] if kind else [])
        if parsed.faults and found.broken is None:
            found.broken = offset
        for fault in parsed.faults:
            found.counts[fault.kind] += 1
            if len(found.findings) < self.keep:
                found.findings.append(self.finding(found.lines, offset, parsed.line, fault))

    def finding(self, line: int, offset: int, raw: bytes, fault: Fault) -> Finding:
        """A finding of a line that begins at an offset."""
        context = excerpt(raw, fault.near, self.rules.context)
        return Finding(fault.kind, line, offset + fault.at, fault.length, fault.message, context)


def excerpt(raw: bytes, near: int, most: int) -> str:
    """A few bytes around a place, printable: everything but ASCII letters and signs is escaped."""
    begin = max(0, min(near - most // 2, len(raw) - most))
    part = raw[begin : begin + most].decode("utf-8", "backslashreplace")
    head, tail = "..." if begin else "", "..." if begin + most < len(raw) else ""
    return f"{head}{part.encode('unicode_escape').decode('ascii')}{tail}" if most else ""
