"""What a tree is, as one line for each of its names: the fingerprint of a store of files.

A line is ``{"path", "type", "mode", "uid", "gid"}`` and of a file ``size`` and ``sha256``, of a
link ``target``. Lines stand in the order of the walk, so that two listings are compared in one pass
with no more in memory than a line of each. The digest of a listing is the digest of its tree.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ..errors import StepFailed
from ..store.copying import LARGE_CHUNK, forget_cache
from .tree import TOP, Entry, order, walk

Line = dict[str, Any]
OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass
class Sum:
    """A listing in the making: its digest and what it adds up to; written down where asked."""

    out: IO[bytes] | None = None
    bytes: int = 0
    numbers: dict[str, int] = field(default_factory=lambda: {"file": 0, "directory": 0, "link": 0})
    digest: Any = field(default_factory=hashlib.sha256)

    def add(self, line: Line) -> None:
        """One more line."""
        text = encoded(line)
        self.digest.update(text)
        self.numbers[line["type"]] += 1
        self.bytes += int(line.get("size", 0))
        if self.out is not None:
            self.out.write(text)

    def passing(self, lines: Iterable[Line]) -> Iterator[Line]:
        """The lines themselves, each added up as it goes by."""
        for line in lines:
            self.add(line)
            yield line

    @property
    def paths(self) -> int:
        """All names, the top not counted."""
        return sum(self.numbers.values()) - 1


def encoded(line: Line) -> bytes:
    """A line as it stands in a listing; a name that is no UTF-8 keeps its bytes as surrogates."""
    return json.dumps(line, sort_keys=True, ensure_ascii=True).encode() + b"\n"


def line_of(entry: Entry, sha256: str = "", size: int = 0) -> Line:
    """The line of one name; digest and size are a file's."""
    status = entry.status
    line: Line = {
        "path": entry.path,
        "type": entry.kind,
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
        "uid": status.st_uid,
        "gid": status.st_gid,
    }
    if entry.kind == "file":
        line.update(size=size, sha256=sha256)
    elif entry.kind == "link":
        line["target"] = entry.link
    return line


def lines_of(top: Path, *, strict: bool = True) -> Iterator[Line]:
    """The lines of a tree at rest, every byte of it read as the disk gives it back."""
    buffer = bytearray(LARGE_CHUNK)
    for entry in walk(top, strict=strict):
        if entry.kind != "file":
            yield line_of(entry)
            continue
        descriptor = os.open(entry.name, OPEN_FILE, dir_fd=entry.directory)
        try:
            forget_cache(descriptor)
            digest, size = digest_open(descriptor, buffer)
        finally:
            os.close(descriptor)
        yield line_of(entry, digest, size)


def digest_open(descriptor: int, buffer: bytearray) -> tuple[str, int]:
    """The SHA-256 and the length of what is left in an open file."""
    digest, size = hashlib.sha256(), 0
    while True:
        count = os.readv(descriptor, [buffer])
        if count == 0:
            return digest.hexdigest(), size
        digest.update(memoryview(buffer)[:count])
        size += count


def read_tree(top: Path, out: IO[bytes] | None = None) -> Sum:
    """Add up a tree at rest, and write its listing where one is asked for."""
    total = Sum(out)
    for line in lines_of(top):
        total.add(line)
    return total


def read_listing(path: Path, sha256: str) -> Iterator[Line]:
    """The lines of a listing that was written down; raise StepFailed when it is not the one meant.

    The digest is compared at the end: what was read before is only to be trusted then.
    """
    digest = hashlib.sha256()
    try:
        handle = path.open("rb")
    except FileNotFoundError as error:
        raise changed_listing(path, "it is missing") from error
    with handle:
        for text in handle:
            digest.update(text)
            try:
                yield dict(json.loads(text))
            except ValueError as error:
                raise changed_listing(path, "it is damaged") from error
    if digest.hexdigest() != sha256:
        raise changed_listing(path, f"its digest is {digest.hexdigest()}, recorded is {sha256}")


def changed_listing(path: Path, reason: str) -> StepFailed:
    """The words for a listing that nobody may rely on."""
    return StepFailed(
        f"{path} is not the listing that was kept: {reason}",
        now="it was not used",
        untouched="the live data",
        next="keep it for examination",
    )


def differences(
    before: Iterable[Line], after: Iterable[Line]
) -> Iterator[tuple[Line | None, Line | None]]:
    """The names on which two listings differ: their lines, None for one that is not there."""
    left, right = iter(before), iter(after)
    old, new = next(left, None), next(right, None)
    while old is not None or new is not None:
        if new is None or (old is not None and order(old["path"]) < order(new["path"])):
            yield old, None
            old = next(left, None)
        elif old is None or order(new["path"]) < order(old["path"]):
            yield None, new
            new = next(right, None)
        else:
            if old != new:
                yield old, new
            old, new = next(left, None), next(right, None)


def kind_of(old: Line | None, new: Line | None) -> str:
    """What happened to a name: added, deleted or changed."""
    if old is None:
        return "added"
    return "deleted" if new is None else "changed"


def stat_facts(top: Path) -> dict[str, Any]:
    """What changes whenever a tree does, told from its names alone: no file is read."""
    digest, number, size = hashlib.sha256(), 0, 0
    for entry in walk(top, strict=False):
        status = entry.status
        told = (status.st_ino, status.st_mtime_ns, status.st_size, entry.link)
        digest.update(encoded({**line_of(entry), "seen": told}))
        number += 1
        size += status.st_size if entry.kind == "file" else 0
    return {"names": number, "bytes": size, "told": digest.hexdigest()}


def name_of(line: Line) -> str:
    """A name for a message; the top has none of its own."""
    return "the directory itself" if line["path"] == TOP else str(line["path"])
