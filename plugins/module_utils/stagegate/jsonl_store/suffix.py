"""What was appended to a file since it was activated, and what of it a former release can read."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..errors import Fenced
from ..files import fsync_dir
from ..jsonl.opened import read_prefix_digest
from ..plain.content import Carry, Delta
from ..store.copying import digest_file
from .lines import Piece, copy_prefix, judged, parts_of, pieces, scan, sound_end
from .model import Records

EXPORT = "delta.jsonl"
"""Every byte that was appended, as it was."""

UNREADABLE = "unreadable.jsonl"
"""What the former release cannot read: ``{"offset", "length", "kind", "base64"}``, in parts."""


@dataclass(frozen=True)
class Suffix:
    """The bytes of a file from where it ended when it was activated."""

    path: Path
    start: int
    stop: int
    records: Records
    release: str

    def lines(self) -> Iterator[Piece]:
        """Every line that was appended."""
        return pieces(self.path, self.records.rules, self.start, self.stop)

    def is_readable(self, piece: Piece) -> bool:
        """True for a record of a kind that the former release is declared to read."""
        return piece.kind in self.records.reads.get(self.release, ())


def suffix_of(path: Path, kept: dict[str, Any], records: Records, release: str) -> Suffix:
    """What was appended since; raise Fenced when what was activated is not there any more."""
    start, size = int(kept["bytes"]), path.stat().st_size
    reason = ""
    if size < start:
        reason = f"it has {size} bytes, and was activated with {start}"
    else:
        with judged():
            digest = read_prefix_digest(path, start)
        if digest != kept["sha256"]:
            reason = f"its first {start} bytes are not those that were activated"
    if reason:
        raise Fenced(
            f"{path} was rewritten or rotated since it went live: {reason}; what was written since "
            "cannot be told from what was there",
            now="services are held, the data are as the new release left them",
            untouched="both generations",
            next="decide by hand; both generations are whole",
        )
    return Suffix(path, start, size, records, release)


def export(suffix: Suffix, evidence: Path) -> Delta:
    """Keep every appended byte, and count what is a record, what is none, what cannot be read."""
    numbers = {"records": 0, "other lines": 0, "unreadable by the former release": 0}
    with new_file(evidence / EXPORT) as out:
        for data in parts_of(suffix.path, suffix.start, suffix.stop - suffix.start):
            out.write(data)
    for piece in suffix.lines():
        numbers["records" if piece.kind else "other lines"] += 1
        numbers["unreadable by the former release"] += not suffix.is_readable(piece)
    lost = numbers["unreadable by the former release"]
    count = numbers["records"] + numbers["other lines"]
    file = evidence / EXPORT
    return Delta(count, lost, numbers, str(file), digest_file(file))


def carry(suffix: Suffix, way: Carry) -> dict[str, Any]:
    """Make the former file with what was appended since and the former release can read.

    What it cannot read goes to a side file with its offsets. Raises Fenced when the former file is
    not what was staged, or the new one is not what it must be.
    """
    end = int(way.staged["end"])
    digest = copy_prefix(way.former, way.target, end, lambda: None)
    if digest != way.staged["sha256"]:
        raise wrong(way, f"{way.former} is not what was staged")
    moved = added = 0
    with (way.target).open("ab") as out, new_file(way.evidence / UNREADABLE) as side:
        end_whole(out, way.former, end)
        for piece in suffix.lines():
            if suffix.is_readable(piece):
                out.write(b"".join(parts_of(suffix.path, piece.offset, piece.length)) + b"\n")
                added += 1
            else:
                set_aside(side, suffix.path, piece)
                moved += 1
        out.flush()
        os.fsync(out.fileno())
    fsync_dir(way.target.parent)
    prove(suffix, way, added)
    return {
        "records": added,
        "unreadable": moved,
        "side_file": str(way.evidence / UNREADABLE),
        "bytes": way.target.stat().st_size,
        "sha256": digest_file(way.target),
    }


def end_whole(out: IO[bytes], former: Path, end: int) -> None:
    """End the last former record by a newline, where it had none, before another follows it."""
    if end and b"".join(parts_of(former, end - 1, 1)) != b"\n":
        out.write(b"\n")


def set_aside(side: IO[bytes], path: Path, piece: Piece) -> None:
    """Write one line that cannot be read to the side file, in parts that fit into memory."""
    offset = piece.offset
    for data in parts_of(path, piece.offset, piece.length):
        line = {
            "offset": offset,
            "length": len(data),
            "of": {"offset": piece.offset, "length": piece.length},
            "kind": piece.kind or "no record",
            "base64": base64.b64encode(data).decode("ascii"),
        }
        side.write(json.dumps(line, sort_keys=True).encode() + b"\n")
        offset += len(data)


def prove(suffix: Suffix, way: Carry, added: int) -> None:
    """Raise Fenced unless the new file ends with as many good records as were carried over."""
    rules = suffix.records.rules
    former = sum(1 for _ in pieces(way.former, rules, 0, int(way.staged["end"])))
    present = sum(1 for _ in pieces(way.target, rules, 0, sound_end(way.target, rules)))
    if present != former + added:
        raise wrong(way, f"it has {present} lines instead of {former} and {added}")
    if scan(way.target, rules, None, 0).torn is not None:
        raise wrong(way, "it has a torn tail")


def wrong(way: Carry, reason: str) -> Fenced:
    """The words for a file that must not go live."""
    return Fenced(
        f"what users wrote cannot be carried over to {way.target}: {reason}",
        now="services are held, the data are as the new release left them",
        untouched="the former generation and the present one",
        next="examine all three; both generations are whole",
    )


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A private file that is there, durable, when it was written to its end, and not before."""
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(aside, flags, 0o600), "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        aside.rename(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    fsync_dir(path.parent)
