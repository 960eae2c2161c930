"""The file of facts: one JSON object a line, only ever appended to, read as far as it has grown."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge.durable import append_line
from knowledge.settings import StartupError
from knowledge.shapes import TOMBSTONE, Fact, best, shape_of, text_of, tombstone


@dataclass(frozen=True)
class BadLine:
    """A line that is no fact: its number from 1, the byte at which it begins, and why."""

    number: int
    offset: int
    reason: str


class Facts:
    """The facts of one file, in memory; every look first reads what others have appended.

    A last line without an end was cut while it was written, and nobody was told that it was stored:
    it is given its end, so that it stays one bad line and does not spoil the next.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
            self._end_torn_line()
        except OSError as error:
            raise StartupError(f"cannot open {path}: {error.strerror}") from error
        self._lock = threading.Lock()
        self._offset = 0
        self._lines = 0
        self._facts: dict[str, Fact] = {}
        self._texts: dict[str, str] = {}
        self._shapes: dict[str, str] = {}
        self._bad: list[BadLine] = []
        self.refresh()

    def _end_torn_line(self) -> None:
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            append_line(self._descriptor, b"\n")

    def refresh(self) -> None:
        """Read what was appended since the last look; a line without an end waits for it."""
        with self._lock:
            self._read()

    def _read(self) -> None:
        grown = os.fstat(self._descriptor).st_size - self._offset
        while grown > 0:
            block = os.pread(self._descriptor, grown, self._offset)
            whole = block[: block.rfind(b"\n") + 1]
            if not whole:
                return
            for line in whole.split(b"\n")[:-1]:
                self._take(line + b"\n")
            grown -= len(block)

    def _take(self, line: bytes) -> None:
        self._lines += 1
        start, self._offset = self._offset, self._offset + len(line)
        try:
            record = parse_line(line)
        except ValueError as error:
            self._bad.append(BadLine(self._lines, start, str(error)))
            return
        apply(record, self._facts)
        if TOMBSTONE in record:
            self._texts.pop(record[TOMBSTONE], None)
            self._shapes.pop(record[TOMBSTONE], None)
        else:
            self._texts[record["id"]] = text_of(record)
            self._shapes[record["id"]] = shape_of(record)

    def append(self, record: Fact) -> None:
        """Store one record; returns when it is on the disk."""
        line = json.dumps(record, ensure_ascii=False).encode() + b"\n"
        with self._lock:
            self._read()
            append_line(self._descriptor, line)
            self._take(line)

    def remove(self, fact_id: str) -> bool:
        """Take a fact away by a record that says so; False when there is none."""
        if self.get(fact_id) is None:
            return False
        self.append(tombstone(fact_id))
        return True

    def get(self, fact_id: str) -> Fact | None:
        """Return a fact."""
        self.refresh()
        return self._facts.get(fact_id)

    def all(self) -> list[Fact]:
        """Return every fact, in the order in which they were written."""
        self.refresh()
        with self._lock:
            return list(self._facts.values())

    def bad_lines(self) -> list[BadLine]:
        """Return the lines that are no facts."""
        self.refresh()
        return list(self._bad)

    def search(self, question: str, limit: int) -> list[Fact]:
        """Return the facts that answer a question best."""
        self.refresh()
        with self._lock:
            return [self._facts[fact_id] for fact_id in best(self._texts, question, limit)]

    def shapes(self) -> Counter[str]:
        """Return how many facts there are of each shape."""
        self.refresh()
        with self._lock:
            return Counter(self._shapes.values())

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def parse_line(line: bytes) -> dict[str, Any]:
    """Return a line's record. Raises ValueError, with the reason, for one that is no fact."""
    try:
        record = json.loads(line)
    except ValueError as error:
        raise ValueError(f"no JSON: {error}") from error
    if not isinstance(record, dict) or not isinstance(record.get("id"), str):
        raise ValueError("no object with an id")
    if not shape_of(record):
        raise ValueError("a fact of no known shape")
    return record


def bad_lines_of(path: Path) -> Iterator[BadLine]:
    """Yield the lines of a file that are no facts, without opening it for writing."""
    offset = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if reason := fault_of(line):
                yield BadLine(number, offset, reason)
            offset += len(line)


def fault_of(line: bytes) -> str:
    """Return why a line is no fact; empty when it is one."""
    try:
        parse_line(line)
    except ValueError as error:
        return str(error)
    return "" if line.endswith(b"\n") else "cut off: it has no end"


def read_facts(path: Path) -> list[Fact]:
    """Return the facts of a file without opening it for writing; of one that is not there, none."""
    facts: dict[str, Fact] = {}
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                with suppress(ValueError):
                    apply(parse_line(line), facts)
    return list(facts.values())


def apply(record: Fact, facts: dict[str, Fact]) -> None:
    """Let a record add its fact, or take one away."""
    if TOMBSTONE in record:
        facts.pop(record[TOMBSTONE], None)
    else:
        facts[record["id"]] = record
