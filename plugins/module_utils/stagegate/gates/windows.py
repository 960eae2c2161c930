"""Observation windows: the same gates, asked for longer, after the last wave.

The first minutes are watched by the deployment itself. Windows that end later are watched look by
look (``watch``), by whoever asks, so that they outlive the command that began them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import BadInput
from .fields import Fields
from .model import Gate, Samples
from .spec import Spec

SHORTEST = 0.25
"""Seconds between two polls that compressing a window does not go below."""

IN_THE_RUN = 300.0
"""Seconds after the rollout up to which a window is watched by the deployment itself."""

SHORTEST_PACE = 10.0
"""Seconds between two looks that compressing a window does not go below: each is a playbook."""

COVERAGE = 0.9
"""The part of a window that its looks must cover by default, or it proves nothing."""

HOLD, RED = "hold", "red"


@dataclass(frozen=True)
class Observation:
    """One window: from and to in seconds after the rollout, and the gates it asks.

    ``red_after`` looks in a row must be red before it is; ``coverage`` is the part of it that looks
    must cover; ``on_unknown`` is ``red`` where a window that proves nothing must go back, ``hold``
    where that is left to a person.
    """

    name: str
    begins: float
    ends: float
    every: float
    gates: tuple[str, ...]
    red_after: int = 1
    coverage: float = COVERAGE
    on_unknown: str = HOLD

    @property
    def outlives(self) -> bool:
        """True for a window that the deployment does not wait for."""
        return self.ends > IN_THE_RUN

    def pace(self, scale: float) -> float:
        """Seconds between two looks, in a window whose time is compressed by ``scale``."""
        return self.every if scale == 1 else max(self.every * scale, SHORTEST_PACE)

    @property
    def step(self) -> str:
        """The window's name as the ledger writes it."""
        return step_of(self.name)


def step_of(name: str) -> str:
    """A window's name as the ledger writes it."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def read_windows(windows: Sequence[object], known: Sequence[str]) -> tuple[Observation, ...]:
    """Read the windows of a system. Raises BadInput with every mistake in them."""
    problems: list[str] = []
    found = tuple(read_window(raw, i, known, problems) for i, raw in enumerate(windows))
    names = [one.step for one in found]
    problems += [f"windows: {name} is used twice" for name in set(names) if names.count(name) > 1]
    if problems:
        raise BadInput(
            "the windows are not written right: " + "; ".join(problems),
            now="nothing was measured",
            untouched="every host",
            next="correct these keys and run the same command again",
        )
    return found


def read_window(raw: object, index: int, known: Sequence[str], problems: list[str]) -> Observation:
    """One window."""
    fields = Fields(raw, f"windows[{index}]", problems)
    asked = fields.get("gates", list(known))
    names = [str(name) for name in asked] if isinstance(asked, (list, tuple)) else []
    for name in names:
        if name not in known:
            fields.problem("gates", f"there is no gate {name}; known: {', '.join(known)}")
    window = Observation(
        name=fields.text("name"),
        begins=fields.seconds("from", 0.0, least=0.0),
        ends=fields.seconds("to", 300.0),
        every=fields.seconds("every", 30.0),
        gates=tuple(names),
        red_after=fields.whole("red_after", 1, least=1),
        coverage=fields.number("coverage", COVERAGE),
        on_unknown=fields.choice("on_unknown", (HOLD, RED), HOLD),
    )
    if not 0 < window.coverage <= 1:
        fields.problem("coverage", f"must be above 0 and at most 1, not {window.coverage:g}")
    if not names:
        fields.problem("gates", "must be a list of gates' names")
    if not window.begins < window.ends:
        fields.problem("to", "must be later than from")
    fields.close()
    return window


def stretched(spec: Spec, window: Observation, scale: float) -> Spec:
    """The gates of a window, reading for as long as it lasts; ``scale`` compresses its time.

    A gate that asks once asks at the beginning and at the end. The minimum of events stays as it
    is; a minimum of polls cannot be more than half of the polls there are.
    """
    lasting = (window.ends - window.begins) * scale
    every = min(max(SHORTEST, window.every * scale), lasting)
    gates = tuple(
        replace(gate, samples=samples_for(gate, every, lasting))
        for gate in spec.gates
        if gate.name in window.gates
    )
    traffic = replace(spec.traffic, lasting=lasting) if spec.traffic else None
    return replace(spec, gates=gates, traffic=traffic)


def samples_for(gate: Gate, every: float, lasting: float) -> Samples:
    """How much one gate must see in a window."""
    if gate.samples.lasting == 0:
        return Samples(1, lasting, lasting)
    samples = Samples(gate.samples.minimum, every, lasting)
    half = max(1, (samples.polls + 1) // 2)
    return replace(samples, minimum=min(samples.minimum, half)) if gate.polls else samples
