"""Gates prove before the run that they can fail, and that their sources answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .baseline import MEASURED, Baseline
from .model import AT_LEAST, Counts, Gate, Measurement, Reading, Samples
from .rules import RED, Equals, Figure, Rule
from .rules_relative import FEWEST_DAYS, RelativeRange
from .rules_series import SUSTAINED, Streak
from .rules_tests import RankTest
from .sources.prometheus_api import REFUSED
from .spec import Spec
from .verdict import PASSING, Result, judge
from .window import guarded, merge, run_window

LATE = 1e12
"""Seconds since 1970 after every deadline."""
LOOKS = 11


@dataclass(frozen=True)
class Proof:
    """What the self-test found out about one gate: problems, and whether its source answered.

    ``answers`` is None when nothing ran that could answer, or the figure is new in the release.
    """

    gate: Gate
    problems: tuple[str, ...]
    answers: bool | None


def prove(gate: Gate) -> list[str]:
    """Send spoiled readings down the very path of a real evaluation.

    Each rule alone must turn red with the worst value, and no value that is not finite may pass.
    """
    problems = []
    gate = replace(gate, severity="must")
    for rule in gate.rules:
        alone = replace(gate, rules=(rule,), samples=samples_for(gate, rule))
        bad = bad_value(alone, rule)
        result, failure = guarded(lambda a=alone, b=bad: spoil(a, b))  # type: ignore[misc]
        if result is None:
            problems.append(f"cannot be tested: {failure}")
        elif result.verdict != RED:
            problems.append(
                f"can never turn red: with {bad:g} {gate.unit}, the worst value there is, "
                f"the {rule.kind} rule says {result.verdict} ({result.reason})"
            )
    return problems + [f"passes {value} as a value" for value in passing_nonsense(gate)]


def samples_for(gate: Gate, rule: Rule) -> Samples:
    """As much as a rule must see to turn red; a window may be longer than the gate's own."""
    samples = gate.samples
    if isinstance(rule, RankTest):
        return replace(samples, minimum=max(samples.minimum, 2 * rule.points))
    if not isinstance(rule, Streak):
        return samples
    looks = max(LOOKS, int(rule.limit.amount) + 1 if rule.kind != SUSTAINED else LOOKS)
    lasting = max(samples.lasting, 1.25 * rule.limit.amount if rule.kind == SUSTAINED else 1.0)
    if rule.hole is not None:
        looks = max(looks, math.ceil(lasting / rule.hole) + 1)
    return Samples(looks, lasting / (looks - 1), lasting)


def passing_nonsense(gate: Gate) -> list[float]:
    """The values that are no numbers and that the gate would let pass."""
    passed = []
    for value in (math.nan, math.inf, -math.inf):
        measured = Measurement(value, gate.samples.minimum)
        if judge(gate, measured, typical(gate)).verdict in PASSING:
            passed.append(value)
    return passed


def bad_value(gate: Gate, rule: Rule) -> float:
    """A value that is as bad as it can get for a rule."""
    if isinstance(rule, Equals):
        return 0.0 if rule.value == gate.worst or gate.source.kind == "version" else gate.worst
    if isinstance(rule, RelativeRange):
        return 0.0 if rule.limit[1] is None else gate.worst
    return 0.0 if gate.direction == AT_LEAST else gate.worst


def typical(gate: Gate) -> Baseline:
    """A baseline of a healthy release, for rules that compare with one."""
    good = gate.direction == AT_LEAST
    value = gate.worst if good else gate.worst / 100
    figure = Figure(
        value=value,
        count=gate.samples.minimum,
        counts=Counts(10**6 if good else 0, 10**6),
        kept=tuple(value * (1 - i / 1e4) for i in range(400)),
        history=tuple((f"day {i}", value) for i in range(FEWEST_DAYS)),
    )
    return Baseline(MEASURED, {gate.name: figure}, began=0.0)


def spoil(gate: Gate, value: float) -> Result:
    """Judge the gate as if everything had been as bad as this value."""
    readings, window = gate.source.spoiled(gate, value)
    measured = replace(gate.source.measure(gate, readings, window), at=LATE)
    return judge(gate, measured, typical(gate))


def run_selftest(spec: Spec, running: bool) -> list[Proof]:
    """Prove every gate; ask every source that can answer once, all at the same time.

    A source that does not answer is a problem only where something runs that it tells of; a query
    that a server refuses is one always.
    """
    once = [replace(g, samples=replace(g.samples, lasting=0.0)) for g in spec.gates]
    asked = [g for g in once if (running and g.baseline) or getattr(g.source, "apart", False)]
    readings = run_window(merge(g.source.reader(g.samples) for g in asked), None)
    proofs = []
    for gate in spec.gates:
        problems = prove(gate)
        answers: bool | None = None
        looks = readings.get(gate.source.reader(gate.samples).key, ())
        if running and gate.baseline:
            silence = silence_of(gate, looks)
            answers = not silence
            problems += [f"its source does not answer: {silence}"] if silence else []
        else:
            problems += [look.failure for look in looks if look.failure.startswith(REFUSED)]
        proofs.append(Proof(gate, tuple(problems), answers))
    return proofs


def silence_of(gate: Gate, readings: Sequence[Reading]) -> str:
    """Why a gate's source does not answer now; empty when it does."""
    reading = readings[-1] if readings else Reading(0.0)
    silence, failure = guarded(lambda: gate.source.silent(gate, reading))
    return failure or silence or ""
