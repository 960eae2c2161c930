"""What anybody on a machine could see while something runs: processes, and temporary files."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PACE = 0.02
"""Seconds between two looks: a process that lives shorter was seen by nobody else either."""


@dataclass
class Sighting:
    """What was seen: the number of looks, and each canary with where it stood.

    What ran before cannot know canaries that are made anew, and is not looked at.
    """

    looks: int = 0
    before: frozenset[str] = field(default_factory=lambda: frozenset(processes()))
    found: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Watch:
    """What is looked for. ``arguments`` may stand in an environment, ``nowhere`` not even there."""

    nowhere: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    folder: Path | None = None

    def look(self, seen: Sighting) -> None:
        """Look once."""
        seen.looks += 1
        for process in processes() - seen.before:
            said = content(Path("/proc", process, "cmdline"))
            held = content(Path("/proc", process, "environ"))
            self.note(said, (*self.nowhere, *self.arguments), f"cmdline of {said!r:.200}", seen)
            self.note(held, self.nowhere, f"environ of {said!r:.200}", seen)
        for path in self.folder.rglob("*") if self.folder else ():
            if path.is_file():
                self.note(content(path), (*self.nowhere, *self.arguments), str(path), seen)

    def note(self, text: bytes, canaries: tuple[str, ...], where: str, seen: Sighting) -> None:
        """Keep the canaries that stand in a text."""
        seen.found |= {f"{canary} in {where}" for canary in canaries if canary.encode() in text}


def processes() -> set[str]:
    """The numbers of all processes."""
    return {name for name in os.listdir("/proc") if name.isdigit()}  # noqa: PTH208 - names only


def content(path: Path) -> bytes:
    """What a file holds; nothing when it is gone or was never ours to read."""
    with contextlib.suppress(OSError):
        return path.read_bytes()
    return b""


@contextlib.contextmanager
def watched(watch: Watch) -> Iterator[Sighting]:
    """Look again and again until the body ends."""
    seen, over = Sighting(), threading.Event()

    def look() -> None:
        while not over.is_set():
            with contextlib.suppress(FileNotFoundError):  # a folder that is removed meanwhile
                watch.look(seen)
            over.wait(PACE)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def stands_in(place: Path, canaries: tuple[str, ...], but: tuple[Path, ...] = ()) -> list[str]:
    """The files below a place that hold a canary, those left out that are made to hold it."""
    files = [path for path in place.rglob("*") if path.is_file() and not path.is_symlink()]
    return [
        f"{canary} in {path}"
        for path in files
        if not any(path == one or one in path.parents for one in but)
        for canary in canaries
        if canary.encode() in content(path)
    ]
