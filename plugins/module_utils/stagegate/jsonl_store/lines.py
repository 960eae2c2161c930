"""Where a file's last whole record ends, and what in a file is record and what is not."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import GateUnknown, Refused, StepFailed
from ..files import fsync_dir
from ..jsonl.kinds import Kinds
from ..jsonl.model import Report
from ..jsonl.records import iterate_records
from ..jsonl.rules import Rules
from ..jsonl.scan import run_scan
from ..store.copying import LARGE_CHUNK, open_plain, write_all

BLOCK = 64 << 10
PART = 48 << 10
"""Bytes of one look at what is no record: a line may be longer than memory."""

NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Piece:
    """One line of a file: a record with its value and kind, or what is none.

    Of what is no record ``length`` may be large, and its bytes are not held. Newlines do not count.
    """

    offset: int
    length: int
    record: Any = None
    kind: str = ""


@contextmanager
def judged() -> Iterator[None]:
    """Let what the validator refuses fail the step."""
    try:
        yield
    except (Refused, GateUnknown) as error:
        raise StepFailed(
            error.what, now=error.now, untouched=error.untouched, next=error.next
        ) from error


def scan(path: Path, rules: Rules, until: int | None = None, start: int = 0) -> Report:
    """Judge the lines of a file. Raises StepFailed where that is impossible, or it changes."""
    with judged():
        report = run_scan(path, rules, until, start)
        if report.verdict == "unknown":
            report.refuse_bad()
    return report


def whole_end(path: Path, size: int | None = None) -> int:
    """The offset after a file's last newline, of its first ``size`` bytes; 0 when it has none."""
    descriptor = open_plain(path)
    try:
        stop = os.fstat(descriptor).st_size if size is None else size
        while stop > 0:
            begin = max(0, stop - BLOCK)
            found = os.pread(descriptor, stop - begin, begin).rfind(b"\n")
            if found >= 0:
                return begin + found + 1
            stop = begin
        return 0
    finally:
        os.close(descriptor)


def sound_end(path: Path, rules: Rules, size: int | None = None) -> int:
    """The offset after a file's last whole record: of one that needs no newline, its own end.

    ``size`` says how many bytes are looked at: those that were there at one instant, while others
    are appended.
    """
    size = path.stat().st_size if size is None else size
    end = whole_end(path, size)
    open_end = size > end and rules.final_newline == "optional"
    return size if open_end and scan(path, rules, size, end).torn is None else end


def copy_prefix(source: Path, target: Path, end: int, check: Callable[[], None]) -> str:
    """Copy the first bytes of a file to a name that is free, durable; return their digest.

    Of a file that became shorter meanwhile there are fewer: the digest tells.
    """
    digest, left = hashlib.sha256(), end
    reading = open_plain(source)
    try:
        writing = os.open(target, NEW_FILE, 0o600)
    except OSError:
        os.close(reading)
        raise
    try:
        with os.fdopen(writing, "wb", buffering=0) as out:
            while left:
                chunk = os.read(reading, min(left, LARGE_CHUNK))
                if not chunk:
                    break
                digest.update(chunk)
                left -= write_all(out.fileno(), chunk)
                check()
            os.fsync(out.fileno())
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        os.close(reading)
    fsync_dir(target.parent)
    return digest.hexdigest()


def pieces(path: Path, rules: Rules, start: int, stop: int) -> Iterator[Piece]:
    """Every line between two offsets, in order; empty ones are left out."""
    kinds, here = Kinds(rules), start
    descriptor = open_plain(path)
    try:
        with judged():
            for offset, length, record in iterate_records(path, rules, start, stop):
                yield from others(descriptor, here, offset)
                yield Piece(offset, length, record, kinds.judge(record)[0])
                here = min(offset + length + 1, stop)
        yield from others(descriptor, here, stop)
    finally:
        os.close(descriptor)


def others(descriptor: int, start: int, stop: int) -> Iterator[Piece]:
    """The lines of a part that holds no record; one that is only white space is nothing."""
    begin, here, blank = start, start, True
    while here < stop:
        data = os.pread(descriptor, min(PART, stop - here), here)
        if not data:
            break
        found = data.find(b"\n")
        part = data if found < 0 else data[:found]
        blank = blank and not part.strip()
        here += len(part)
        if found >= 0:
            if not blank:
                yield Piece(begin, here - begin)
            here += 1
            begin, blank = here, True
    if not blank:
        yield Piece(begin, here - begin)


def digest_range(path: Path, offset: int, length: int) -> str:
    """The SHA-256 of a part of a file, whatever its length."""
    digest = hashlib.sha256()
    for data in parts_of(path, offset, length):
        digest.update(data)
    return digest.hexdigest()


def parts_of(path: Path, offset: int, length: int) -> Iterator[bytes]:
    """A part of a file, in pieces that fit into memory."""
    descriptor = open_plain(path)
    try:
        stop = offset + length
        while offset < stop:
            data = os.pread(descriptor, min(PART, stop - offset), offset)
            if not data:
                raise StepFailed(f"{path} became shorter while it was read")
            yield data
            offset += len(data)
    finally:
        os.close(descriptor)


def line_at(path: Path, offset: int) -> int:
    """The number of the line that begins at an offset; the first is 1."""
    return 1 + sum(data.count(b"\n") for data in parts_of(path, 0, offset))
