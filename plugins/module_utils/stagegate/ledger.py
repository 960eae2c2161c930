"""The append-only account on each host of what a run intended and what it did.

One JSON object a line, chained by the hash of the line before and sealed by a CRC. An entry is on
the disk (``fdatasync``) before the act that it announces: without it 25 of 25 power cuts lost
entries, with it none. A last line with a broken seal is what a power cut leaves, and is dropped;
anything else that is wrong is not, and the ledger is refused.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import failpoint
from .errors import BadInput
from .files import StrPath, fsync_dir, parse_json, read_ordinary, write_atomic

VERSION = 1
KINDS = ("intent", "done", "failed", "observed", "terminal")
GENESIS = "0" * 64
SHAPE: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("run", "host", "phase", "step", "kind", "inputs", "prev"), (str,)),
    **dict.fromkeys(("t_wall", "boot_id"), (str,)),
    **dict.fromkeys(("state", "evidence"), (dict,)),
    **dict.fromkeys(("seq", "epoch", "v"), (int,)),
    "t_mono": (int, float),
}
"""What each field of an entry may be: whoever reads the ledger relies on it."""


@dataclass(frozen=True)
class Entry:
    """One line of the ledger.

    ``state`` holds what going back needs (paths, old targets), ``evidence`` what the report shows;
    ``inputs`` is the digest of what the step was given; times are UTC text and monotonic seconds.
    """

    seq: int
    run: str
    epoch: int
    host: str
    phase: str
    step: str
    kind: str
    inputs: str = ""
    state: dict[str, Any] = field(default_factory=dict)
    evidence: dict[str, Any] = field(default_factory=dict)
    t_wall: str = ""
    t_mono: float = 0.0
    boot_id: str = ""
    prev: str = GENESIS
    v: int = VERSION

    def line(self) -> bytes:
        """The entry as it stands in the file, without the newline."""
        body = vars(self)
        return canonical({**body, "crc": zlib.crc32(canonical(body))})


@dataclass(frozen=True)
class Ledger:
    """What was read: the entries, the bytes they fill, and the bytes of a torn last line."""

    entries: tuple[Entry, ...]
    valid_bytes: int
    torn: bytes
    head: str


class BrokenSeal(ValueError):
    """A line that is not whole: where it is the last one, a power cut tore it."""


class OtherVersion(ValueError):
    """A line whose form another version of this project made: it is whole, and not ours to read."""


def canonical(value: Any) -> bytes:
    """The one byte form of a value, for digests: sorted keys, no spaces, ASCII, finite numbers."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode()


def digest(value: Any) -> str:
    """The SHA-256 of a value's canonical form, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def read_ledger(path: StrPath) -> Ledger:
    """All entries, proved whole; a missing file is an empty ledger.

    Raises BadInput for anything but a torn last line.
    """
    place = Path(path)
    raw = read_lines(place)
    entries: list[Entry] = []
    head, offset = GENESIS, 0
    lines = raw.split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        last = offset + len(line) + 1 == len(raw)
        try:
            entry = parse_line(line, len(entries) + 1, head)
        except ValueError as error:
            if last and isinstance(error, BrokenSeal):
                break
            raise unreadable(place, number, error) from error
        entries.append(entry)
        head = hashlib.sha256(line).hexdigest()
        offset += len(line) + 1
    return Ledger(tuple(entries), offset, raw[offset:], head)


def unreadable(place: Path, number: int, error: ValueError) -> BadInput:
    """The words for a ledger that is refused."""
    if isinstance(error, OtherVersion):
        return BadInput(
            f"the ledger {place} is of another version at line {number}: {error}",
            now="it was not changed; nothing was done",
            untouched="every service and all data",
            next="run the same command with the version of Stagegate that wrote it",
        )
    return BadInput(
        f"the ledger {place} is damaged at line {number}: {error}",
        now="the lines before it are whole; nothing was done",
        untouched="every service and all data",
        next=f"compare {place} with the records of the earlier runs; do not edit it",
        code=30,
    )


def read_lines(place: Path) -> bytes:
    """The bytes of a ledger; none for one that is not there. Raises BadInput for no plain file."""
    try:
        return read_ordinary(place)
    except FileNotFoundError:
        return b""
    except ValueError as error:
        raise BadInput(
            f"the ledger {place} cannot be trusted: {error}",
            now="nothing was done",
            untouched="every service and all data",
            next=f"find out who put it there: ls -la {place.parent}",
            code=30,
        ) from error


def parse_line(line: bytes, seq: int, prev: str) -> Entry:
    """One line as an entry. Raises ValueError saying what is wrong with it."""
    try:
        value = parse_json(line)
    except ValueError as error:
        raise BrokenSeal(f"no JSON: {error}") from error
    entry = read_entry(value, seq, prev)
    if entry.line() != line:
        raise ValueError("not written as an entry is")
    return entry


def read_entry(value: Any, seq: int, prev: str) -> Entry:
    """One value as an entry. Raises ValueError saying what is wrong with it."""
    if not isinstance(value, dict):
        raise BrokenSeal("not an object")
    crc, version = value.pop("crc", None), value.get("v")
    if isinstance(version, int) and version != VERSION:
        raise OtherVersion(f"its form is {version}, here it is {VERSION}")
    if crc != zlib.crc32(canonical(value)):
        raise BrokenSeal("its CRC does not match")
    if value.get("seq") != seq:
        raise ValueError(f"entry {value.get('seq')} stands where {seq} must")
    if value.get("prev") != prev:
        raise ValueError("the chain from the line before is broken")
    wrong = [key for key in {*SHAPE, *value} if not fits(value.get(key), SHAPE.get(key, ()))]
    if wrong:
        raise OtherVersion(f"its fields are others ({min(wrong)})")
    if value["kind"] not in KINDS:
        raise OtherVersion(f"unknown kind {value['kind']!r}")
    return Entry(**value)


def fits(value: Any, kinds: tuple[type, ...]) -> bool:
    """Tell whether a field has one of the types it may have; a boolean is no number."""
    return isinstance(value, kinds) and not isinstance(value, bool)


def write_line(descriptor: int, line: bytes) -> None:
    """Put a line on the disk, whole; raise OSError when that is not certain."""
    if os.write(descriptor, line) != len(line):
        raise OSError(errno.ENOSPC, "the ledger line was cut short")
    sync = getattr(os, "fdatasync", os.fsync)
    sync(descriptor)


@contextlib.contextmanager
def whole_or_cut_off(descriptor: int, length: int) -> Iterator[None]:
    """Cut a file back to its length when a write behind it fails; nothing else is ever cut."""
    try:
        yield
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, length)
        raise


def refuse_second_name(descriptor: int, place: Path) -> None:
    """Raise OSError for what is no file, or can be written by another name."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise OSError(errno.EPERM, "the ledger is no file, or one with a second name", str(place))


def append_entry(path: StrPath, entry: Entry, ledger: Ledger) -> Ledger:
    """Put one entry on the disk and give the ledger with it.

    The caller holds the step lock. A torn last line is kept beside the ledger before it is cut
    off, for nothing is ever lost. A failed write or fsync raises OSError and is never tried again
    on the same file: the kernel may call dirty pages clean after it. What was written of the line
    is cut off, so that no later line stands behind it.
    """
    failpoint.reached("before", entry)
    place = Path(path)
    created = not place.exists()
    if ledger.torn:
        write_atomic(place.with_name(f"ledger.torn-{ledger.valid_bytes}"), ledger.torn)
    line = entry.line()
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(place, flags, 0o600)
    try:
        refuse_second_name(descriptor, place)
        if ledger.torn:
            os.ftruncate(descriptor, ledger.valid_bytes)
        with whole_or_cut_off(descriptor, ledger.valid_bytes):
            write_line(descriptor, line + b"\n")
    finally:
        os.close(descriptor)
    if created:
        fsync_dir(place.parent)
    failpoint.reached("after", entry)
    return Ledger(
        (*ledger.entries, entry),
        ledger.valid_bytes + len(line) + 1,
        b"",
        hashlib.sha256(line).hexdigest(),
    )
