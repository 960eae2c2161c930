"""A file in pieces that fit into memory, cut at newlines and nowhere else.

All pieces, one after the other, are the bytes that were asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import GateUnknown

BLOCK = 256 << 10
LINES, LONG, TAIL = "lines", "long", "tail"


@dataclass(frozen=True)
class Piece:
    """Bytes at an offset: whole lines, a part of a line that is too long, or what has no newline.

    ``length`` is the whole line's, without its newline, on the last part of a long line; else -1.
    The tail of a long line has no bytes of its own.
    """

    role: str
    offset: int
    data: bytes
    length: int = -1


def read_pieces(
    descriptor: int, start: int, stop: int, longest: int, block: int = BLOCK
) -> Iterator[Piece]:
    """The bytes from ``start`` to ``stop``; fewer where the file is cut meanwhile.

    Never holds more than the longest line and a block. Raises GateUnknown when the disk fails.
    """
    rest, skipped = b"", 0
    for offset, chunk in read_chunks(descriptor, start, stop, max(block, longest // 8)):
        data = chunk
        if skipped:
            end = data.find(b"\n") + 1
            length = skipped + end - 1 if end else -1
            yield Piece(LONG, offset, data[:end] if end else data, length)
            skipped = 0 if end else skipped + len(data)
            data = data[end:] if end else b""
        begin = offset + len(chunk) - len(data) - len(rest)
        data = rest + data
        end = data.rfind(b"\n") + 1
        if end:
            yield Piece(LINES, begin, data[:end])
        rest = data[end:]
        if len(rest) > longest:
            yield Piece(LONG, begin + end, rest)
            rest, skipped = b"", len(rest)
    if rest or skipped:
        yield Piece(TAIL, stop - len(rest), rest, skipped or len(rest))


def read_chunks(descriptor: int, start: int, stop: int, block: int) -> Iterator[tuple[int, bytes]]:
    """A file's bytes with their offsets, in chunks."""
    offset = start
    while offset < stop:
        try:
            chunk = os.pread(descriptor, min(block, stop - offset), offset)
        except OSError as error:
            raise GateUnknown(
                f"the file cannot be read at byte {offset}: {error.strerror}",
                now="nothing is known of what follows there",
                untouched="the file",
                next="look for errors of the disk: journalctl -k",
            ) from error
        if not chunk:
            return
        yield offset, chunk
        offset += len(chunk)


def read_newlines(descriptor: int, stop: int) -> int:
    """How many lines end before an offset."""
    return sum(chunk.count(b"\n") for _, chunk in read_chunks(descriptor, 0, stop, BLOCK))
