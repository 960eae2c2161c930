"""The records of a file one by one, with their places and digests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .judge import Judge, Part
from .opened import opened
from .pieces import LINES, TAIL, read_pieces
from .rules import Rules
from .scan import refuse_range


@dataclass(frozen=True)
class RecordDigest:
    """One record: its key as JSON has it, the SHA-256 of its bytes, and its place."""

    key: Any
    digest: str
    offset: int
    length: int


def iterate_records(
    path: Path, rules: Rules, start: int = 0, until: int | None = None
) -> Iterator[tuple[int, int, Any]]:
    """The offset, length and value of each record, its newline not counted.

    What is no record is left out: ``run_scan`` tells of it. Raises what ``run_scan`` raises.
    """
    for offset, line, record in read_lines(path, rules, start, until):
        yield offset, len(line), record


def iterate_digests(
    path: Path, rules: Rules, key: str, start: int = 0, until: int | None = None
) -> Iterator[RecordDigest]:
    """The key and digest of each record, to compare two files; the key is None where it has none.

    Two records are equal when their bytes are.
    """
    for offset, line, record in read_lines(path, rules, start, until):
        name = record.get(key) if isinstance(record, dict) else None
        yield RecordDigest(name, hashlib.sha256(line).hexdigest(), offset, len(line))


def read_lines(
    path: Path, rules: Rules, start: int, until: int | None
) -> Iterator[tuple[int, bytes, Any]]:
    """Each record with its offset and its line."""
    with opened(Path(path)) as file:
        stop = file.size if until is None else until
        refuse_range(file, start, stop)
        judge = Judge(rules, rules.most_findings)
        roles = (LINES, TAIL) if rules.final_newline == "optional" else (LINES,)
        for piece in read_pieces(file.descriptor, start, stop, rules.longest_line):
            if piece.role in roles and piece.data:
                data = piece.data if piece.role == LINES else piece.data + b"\n"
                for part in judge.parts(data, piece.offset == 0):
                    yield from records_of(part, piece.offset, judge)


def records_of(part: Part, before: int, judge: Judge) -> Iterator[tuple[int, bytes, Any]]:
    """The records of a part."""
    if part.parsed is not None and (part.parsed.faults or part.parsed.empty):
        return
    records = [part.parsed.record] if part.parsed is not None else part.records or []
    offset = before + part.offset
    for line, record in zip(part.lines.split(b"\n"), records):
        kind = judge.kinds.judge(record)[1]
        if not kind or judge.rules.accepts(kind):
            yield offset, line, record
        offset += len(line) + 1
