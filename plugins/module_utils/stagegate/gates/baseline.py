"""The baseline: what every gate was on the running release, as the ledger keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .model import Mark
from .rules import Figure

MEASURED, ABSENT, MISSING, MEASURING = "measured", "absent", "missing", "measuring"


@dataclass(frozen=True)
class Baseline:
    """``measured``, or ``absent`` when nothing ran before (a first installation), or ``missing``
    when this run recorded none: then relative gates and log gates cannot be judged.

    ``measuring`` while the running release itself is judged: it has nothing to be compared with.
    """

    state: str
    figures: Mapping[str, Figure] = field(default_factory=dict)
    marks: Mapping[str, Mark] = field(default_factory=dict)
    version: str = ""

    def to_state(self) -> dict[str, Any]:
        """As the ledger's ``state`` of the done entry (baseline, measure)."""
        return {
            "baseline": self.state,
            "version": self.version,
            "figures": {name: asdict(figure) for name, figure in self.figures.items()},
            "logs": {path: asdict(mark) for path, mark in self.marks.items()},
        }


def from_state(state: Mapping[str, Any] | None) -> Baseline:
    """The baseline in a ledger entry's state; missing when there is no entry."""
    if state is None:
        return Baseline(MISSING)
    return Baseline(
        str(state["baseline"]),
        {name: Figure(**figure) for name, figure in state["figures"].items()},
        {path: Mark(**mark) for path, mark in state["logs"].items()},
        str(state["version"]),
    )
