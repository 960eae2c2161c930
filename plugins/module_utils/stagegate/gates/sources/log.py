"""Source ``log``: lines that a service wrote since the deployment began, and not one before."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from ..fields import Fields
from ..matching import Matcher, all_hold, examples
from ..model import (
    Counts,
    Gate,
    Mark,
    Measurement,
    Reader,
    Reading,
    Samples,
    Service,
    SourceFault,
    Window,
)
from .http import dig

FORMATS = ("json", "regex")
UNPARSED = ("unknown", "ignore", "match")
TAIL = 512
LONGEST_LINE = 1 << 20
MOST = 256 << 20
"""Bytes written since the deployment began beyond which a count would take too long to trust."""


@dataclass(frozen=True)
class Count:
    """Lines since the mark: those in the total, those of them that match, those not understood."""

    matched: int
    total: int
    unparsed: int


@dataclass(frozen=True)
class Log:
    """``match`` says which records count; ``of`` which ones are the whole, all by default.

    ``unparsed``: what a line that is no record means. A stack trace between JSON lines is no
    record, so by default it makes the gate unknown.
    """

    path: str
    format: str
    pattern: str
    match: tuple[Matcher, ...]
    of: tuple[Matcher, ...]
    unparsed: str
    deadline: float
    scale: float
    kind: ClassVar[str] = "log"
    statistics: ClassVar[tuple[str, ...]] = ("rate", "delta")
    polled: ClassVar[bool] = False
    service: ClassVar[str] = ""

    @classmethod
    def from_fields(cls, fields: Fields, services: Sequence[Service]) -> Log:
        """Read what a user wrote."""
        kind = fields.choice("format", FORMATS, "json")
        return cls(
            path=fields.text("path"),
            format=kind,
            pattern=fields.pattern("pattern") if kind == "regex" else "",
            match=fields.matchers("match"),
            of=fields.matchers("of"),
            unparsed=fields.choice("unparsed", UNPARSED, "unknown"),
            deadline=fields.seconds("deadline", 5.0),
            scale=fields.number("scale", 1.0),
        )

    def reader(self, samples: Samples) -> Reader:
        """One look, at the end of the window; what to read from is only known then."""
        return Reader((self.kind, self.path), lambda: None, (samples.lasting,), self.deadline)

    def measure(self, gate: Gate, readings: Sequence[Reading], window: Window) -> Measurement:
        """How many records match since the mark, or their share of all records."""
        if readings and isinstance(readings[-1].payload, Count):
            count = readings[-1].payload
        else:
            mark = window.marks.get(self.path)
            if mark is None:
                return Measurement(None, problem=f"no offset of {self.path} was recorded")
            count = read_count(self, mark)
        return self.judge_count(gate, count)

    def judge_count(self, gate: Gate, count: Count) -> Measurement:
        """The statistic of a count."""
        rejected = {"not a record": count.unparsed} if count.unparsed else {}
        if count.unparsed and self.unparsed == "unknown":
            problem = f"{count.unparsed} lines are no {self.format} records"
            return Measurement(None, count.total, problem, rejected=rejected)
        if count.total == 0:
            return Measurement(None, 0, "nothing was logged since the deployment began")
        share = count.matched / count.total * self.scale
        value = share if gate.statistic == "rate" else float(count.matched)
        counts = Counts(count.matched, count.total, self.scale)
        return Measurement(value, count.total, alive=True, rejected=rejected, counts=counts)

    def spoiled(self, gate: Gate, value: float) -> tuple[list[Reading], Window]:
        """The count of lines whose statistic is ``value``; JSON lines go through the parser."""
        most = max(gate.samples.minimum, 1) * 100
        wanted = value / self.scale * most if gate.statistic == "rate" else value
        part = int(min(wanted, most))
        mine, other = examples((*self.of, *self.match)), examples(self.of)
        if mine is None or other is None:
            raise SourceFault("no value is known that these fields match")
        if self.format == "json":
            lines = [nested_line(mine)] * part + [nested_line(other)] * (most - part)
            count = count_lines(self, lines)
        else:
            count = count_records(self, [mine] * part + [other] * (most - part))
        return [Reading(gate.samples.lasting, count)], Window(0.0, gate.samples.lasting)

    def silent(self, gate: Gate, reading: Reading) -> str:
        """Why the log cannot be read now."""
        return "" if os.access(self.path, os.R_OK) else f"{self.path} cannot be read"

    def describe(self) -> dict[str, Any]:
        """Kind, path and what matches."""
        return {"kind": self.kind, "path": self.path, "match": {m.name: m.text for m in self.match}}


def read_mark(path: str) -> Mark:
    """Where a log ends now. A log that is not there yet will be read from its beginning."""
    try:
        with Path(path).open("rb") as handle:
            status = os.fstat(handle.fileno())
            return Mark(status.st_ino, status.st_size, tail_before(handle, status.st_size))
    except FileNotFoundError:
        return Mark(None, 0, "")
    except OSError as error:
        raise SourceFault(f"{path}: {error.strerror}") from error


def tail_before(handle: BinaryIO, offset: int) -> str:
    """The SHA-256 of the bytes just before an offset."""
    handle.seek(max(0, offset - TAIL))
    return hashlib.sha256(handle.read(min(offset, TAIL))).hexdigest()


def read_count(source: Log, mark: Mark) -> Count:
    """Count what was written since the mark. Raises SourceFault when that is not all there."""
    try:
        with Path(source.path).open("rb") as handle:
            status = os.fstat(handle.fileno())
            if mark.inode is not None:
                refuse_rotated(source.path, handle, status, mark)
            if status.st_size - mark.offset > MOST:
                raise SourceFault(f"{source.path} grew by more than {MOST} bytes")
            handle.seek(mark.offset)
            return count_lines(source, lines_of(handle, source.deadline))
    except OSError as error:
        raise SourceFault(f"{source.path}: {error.strerror}") from error


def refuse_rotated(path: str, handle: BinaryIO, status: os.stat_result, mark: Mark) -> None:
    """Raise SourceFault when the file is not the one that was marked, grown at its end."""
    if status.st_ino != mark.inode:
        raise SourceFault(f"{path} was rotated: it is another file than at the start")
    if status.st_size < mark.offset:
        raise SourceFault(f"{path} was truncated: it is shorter than at the start")
    if tail_before(handle, mark.offset) != mark.tail:
        raise SourceFault(f"{path} was rewritten: what stood before the start has changed")


def lines_of(handle: BinaryIO, deadline: float) -> Iterator[bytes]:
    """Whole lines; one that is still being written is left for later. Raises past the deadline."""
    end = time.monotonic() + deadline
    for number, line in enumerate(iter(lambda: handle.readline(LONGEST_LINE), b"")):
        if number % 1024 == 0 and time.monotonic() > end:
            raise SourceFault(f"the log cannot be read within {deadline:g} s")
        if line.endswith(b"\n") or len(line) == LONGEST_LINE:
            yield line


def count_lines(source: Log, lines: Iterable[bytes]) -> Count:
    """Count raw lines."""
    parse = json_record if source.format == "json" else regex_parser(source.pattern)
    return count_records(source, (parse(source, line) for line in lines if line.strip()))


def count_records(source: Log, records: Iterable[Mapping[str, str] | None]) -> Count:
    """Count records by their wanted fields; None is a line that is no record."""
    matched = total = unparsed = 0
    for record in records:
        if record is None:
            unparsed += 1
            if source.unparsed == "match":
                total, matched = total + 1, matched + 1
        elif all_hold(source.of, record):
            total += 1
            matched += all_hold(source.match, record)
    return Count(matched, total, unparsed)


def json_record(source: Log, line: bytes) -> dict[str, str] | None:
    """The wanted fields of a JSON line as text."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    return {m.name: field_text(document, m.name) for m in (*source.match, *source.of)}


def field_text(document: Mapping[str, Any], name: str) -> str:
    """A field as text: words as they are, everything else as JSON; empty when it is not there."""
    try:
        value = dig(document, name)
    except SourceFault:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def regex_parser(pattern: str) -> Any:
    """A parser of lines by named groups."""
    compiled = re.compile(pattern)

    def parse(source: Log, line: bytes) -> dict[str, str] | None:
        match = compiled.search(line.decode(errors="replace").rstrip("\n"))
        return None if match is None else {k: v or "" for k, v in match.groupdict().items()}

    return parse


def nested_line(values: Mapping[str, str]) -> bytes:
    """A JSON line with these values at their dotted paths."""
    document: dict[str, Any] = {}
    for path, value in values.items():
        *steps, last = path.split(".")
        inner = document
        for step in steps:
            inner = inner.setdefault(step, {})
        inner[last] = value
    return json.dumps(document).encode()
