"""Where a run can be hit: before and after each entry of the ledger that it writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stagegate.ledger import Entry

PASSED_ON = 120.0
"""Seconds that a held step waits for whoever holds it."""


@dataclass(frozen=True)
class Point:
    """One place of a run: ``nth`` counts the entries of one command instead of naming one."""

    when: str
    phase: str = ""
    step: str = ""
    kind: str = ""
    host: str = ""
    nth: int = 0

    def __str__(self) -> str:
        """The place in one word."""
        if self.nth:
            return f"entry-{self.nth}:{self.when}"
        at = f"@{self.host}" if self.host else ""
        return f"{self.phase}.{self.step}.{self.kind}:{self.when}{at}"


def points_of(entries: Iterable[Entry], hosts: bool = False) -> list[Point]:
    """Both places of each entry, in the order of the run; with its host where there are several."""
    found: dict[Point, None] = {}
    for entry in entries:
        for when in ("before", "after"):
            host = entry.host if hosts else ""
            point = Point(when, entry.phase, entry.step, entry.kind, host)
            found.setdefault(point, None)
    return list(found)
