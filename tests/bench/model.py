"""The words of the measurements: one sample of one run, and one line of the table."""

from __future__ import annotations

from dataclasses import dataclass, field


class NotMeasuredError(Exception):
    """Something cannot be measured here; the text says why."""


@dataclass(frozen=True)
class Sample:
    """One run of something: seconds of wall time, seconds of all processors together.

    ``peak`` is the most memory its process held, in bytes; ``before``, that before it began;
    ``child``, the most that one of its own processes held. 0 where it was not asked.
    """

    wall: float
    cpu: float = 0.0
    peak: int = 0
    before: int = 0
    child: int = 0


@dataclass(frozen=True)
class Target:
    """What is wanted: the ratio, or our own figure where ``absolute``, is at most this."""

    most: float
    absolute: bool = False

    def __str__(self) -> str:
        return f"{'≤' if self.absolute else 'ratio ≤'} {self.most:g}"


@dataclass(frozen=True)
class Row:
    """One line: what was measured, our figure, the peer's, in how many runs each."""

    what: str
    unit: str
    ours: float
    peer: float
    peer_name: str
    runs: int
    target: Target | None = None

    @property
    def ratio(self) -> float:
        """Ours over the peer's."""
        return self.ours / self.peer

    @property
    def met(self) -> bool | None:
        """True when the target is met; None when there is none."""
        if self.target is None:
            return None
        return (self.ours if self.target.absolute else self.ratio) <= self.target.most


@dataclass
class Outcome:
    """What one subject gave: lines of the table, further lines, and what could not be measured."""

    rows: list[Row] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
