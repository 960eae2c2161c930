"""Gates prove before the run that they can fail, and that their sources answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .baseline import MEASURED, Baseline
from .model import AT_LEAST, Gate, Measurement, Reading
from .rules import RED, Equals, Figure, Rule
from .spec import Spec
from .verdict import PASSING, Result, judge
from .window import guarded, merge, run_window


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
    for rule in gate.rules:
        alone = replace(gate, rules=(rule,))
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
    return 0.0 if gate.direction == AT_LEAST else gate.worst


def typical(gate: Gate) -> Baseline:
    """A baseline of a healthy release, for rules that compare with one."""
    value = gate.worst if gate.direction == AT_LEAST else gate.worst / 100
    return Baseline(MEASURED, {gate.name: Figure(value, gate.samples.minimum, None)})


def spoil(gate: Gate, value: float) -> Result:
    """Judge the gate as if everything had been as bad as this value."""
    readings, window = gate.source.spoiled(gate, value)
    return judge(gate, gate.source.measure(gate, readings, window), typical(gate))


def run_selftest(spec: Spec, running: bool) -> list[Proof]:
    """Prove every gate; with a running release ask every source once, all at the same time."""
    asked = [gate for gate in spec.gates if running and gate.baseline]
    once = [replace(gate, samples=replace(gate.samples, lasting=0.0)) for gate in asked]
    readers = merge(gate.source.reader(gate.samples) for gate in once)
    readings = run_window(readers, None)
    proofs = []
    for gate in spec.gates:
        problems = prove(gate)
        answers: bool | None = None
        if gate in asked:
            silence = silence_of(gate, readings[gate.source.reader(gate.samples).key])
            answers = not silence
            problems += [f"its source does not answer: {silence}"] if silence else []
        proofs.append(Proof(gate, tuple(problems), answers))
    return proofs


def silence_of(gate: Gate, readings: Sequence[Reading]) -> str:
    """Why a gate's source does not answer now; empty when it does."""
    reading = readings[-1] if readings else Reading(0.0)
    silence, failure = guarded(lambda: gate.source.silent(gate, reading))
    return failure or silence or ""
