"""A time axis that leaves out the long stretches in which nothing is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BREAK_WIDTH = 0.05
"""The part of the drawing that one left-out stretch takes."""
LONGEST_PAUSE = 0.35
SHORTEST_BREAK = 30.0
"""A stretch longer than this part of all the work, and than these seconds, is left out."""
SHORTEST = 0.001
"""Seconds that a drawing spans at least."""
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400)


@dataclass(frozen=True)
class Stretch:
    """Seconds ``began`` to ``ended``, drawn from ``left`` to ``right`` (0 to 1)."""

    began: float
    ended: float
    left: float
    right: float
    pause: bool


@dataclass(frozen=True)
class Axis:
    """Where each moment is drawn."""

    stretches: tuple[Stretch, ...]

    def at(self, moment: float) -> float:
        """The place of a moment, 0 to 1."""
        for stretch in self.stretches:
            if moment <= stretch.ended:
                length = stretch.ended - stretch.began
                part = (moment - stretch.began) / length if length else 0.0
                return stretch.left + max(0.0, part) * (stretch.right - stretch.left)
        return 1.0

    def ticks(self, most: int = 7) -> list[float]:
        """Round moments after the beginning, outside the pauses, a readable number of them."""
        begin = self.stretches[0].began
        busy = [s for s in self.stretches if not s.pause]
        total = sum(s.ended - s.began for s in busy)
        step = next((s for s in STEPS if total / s <= most), STEPS[-1])
        count = int((self.stretches[-1].ended - begin) / step)
        if count > 500:
            return [begin]
        rounds = [begin + n * step for n in range(count + 1)]
        return [m for m in rounds if any(s.began <= m <= s.ended for s in busy)]


def make_axis(busy: Sequence[tuple[float, float]]) -> Axis:
    """The axis over spans of work; the time between them is cut when it is long."""
    spans = merged(busy)
    work = max(sum(end - begin for begin, end in spans), SHORTEST)
    pieces: list[tuple[float, float, bool]] = []
    for begin, end in spans:
        if pieces:
            gap = begin - pieces[-1][1]
            pieces.append((pieces[-1][1], begin, gap > max(SHORTEST_BREAK, LONGEST_PAUSE * work)))
        pieces.append((begin, end, False))
    pauses = sum(p for *_, p in pieces)
    shown = max(sum(end - begin for begin, end, pause in pieces if not pause), SHORTEST)
    scale = max(0.1, 1.0 - pauses * BREAK_WIDTH) / shown
    place, stretches = 0.0, []
    for begin, end, pause in pieces:
        width = BREAK_WIDTH if pause else (end - begin) * scale
        stretches.append(Stretch(begin, end, place, place + width, pause))
        place += width
    return Axis(tuple(stretches))


def merged(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The spans in order, those that touch as one."""
    found: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found
