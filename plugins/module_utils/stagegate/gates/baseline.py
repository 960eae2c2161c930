"""The baseline: what every gate was on the running release, as the ledger keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..history import last_change
from ..ledger import Entry
from .model import Counts, Mark
from .rules import Figure

BASELINE_STEP = ("baseline", "measure")
MEASURED, ABSENT, MISSING, MEASURING = "measured", "absent", "missing", "measuring"


@dataclass(frozen=True)
class Baseline:
    """``measured``, or ``absent`` when nothing ran before (a first installation), or ``missing``
    when this run recorded none: then relative gates and log gates cannot be judged.

    ``measuring`` while the running release itself is judged: it has nothing to be compared with.
    ``began`` is when it was taken, in seconds since 1970: so the deployment began.
    """

    state: str
    figures: Mapping[str, Figure] = field(default_factory=dict)
    marks: Mapping[str, Mark] = field(default_factory=dict)
    version: str = ""
    began: float | None = None

    def to_state(self) -> dict[str, Any]:
        """As the ledger's ``state`` of the done entry (baseline, measure)."""
        return {
            "baseline": self.state,
            "version": self.version,
            "began": self.began,
            "figures": {name: asdict(figure) for name, figure in self.figures.items()},
            "logs": {path: asdict(mark) for path, mark in self.marks.items()},
        }


def from_state(state: Mapping[str, Any] | None) -> Baseline:
    """The baseline in a ledger entry's state; missing when there is no entry."""
    if state is None:
        return Baseline(MISSING)
    return Baseline(
        str(state["baseline"]),
        {name: figure_from(figure) for name, figure in state["figures"].items()},
        {path: Mark(**mark) for path, mark in state["logs"].items()},
        str(state["version"]),
        state.get("began"),
    )


def of_last_change(entries: tuple[Entry, ...]) -> Baseline:
    """The baseline of the run that made the live release."""
    change = last_change(entries)
    step = (*BASELINE_STEP, "done")
    taken = [e for e in (change.entries if change else ()) if (e.phase, e.step, e.kind) == step]
    return from_state(taken[-1].state if taken else None)


def figure_from(raw: Mapping[str, Any]) -> Figure:
    """A figure as the ledger keeps it; what an older ledger has not is left as it is by default."""
    counts = raw.get("counts")
    return Figure(
        **{
            **raw,
            "counts": Counts(**counts) if counts else None,
            "kept": tuple(raw.get("kept") or ()),
            "history": tuple((str(day), value) for day, value in raw.get("history") or ()),
        }
    )
