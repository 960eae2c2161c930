"""The whole path of one evaluation: read everything in one window, measure, judge."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .baseline import Baseline
from .model import Gate, Mark, Measurement, Presence, Reading, Samples, Service, Window
from .sources.identity import identity_reader, presence
from .spec import Spec
from .verdict import Result, judge, overall, softened
from .window import guarded, run_window

MOST_SAMPLES = 200
EVIDENCE_BYTES = 60 * 1024
"""What all gate results of one evaluation may weigh in the ledger."""

IDENTITY_EVERY = 0.5

Readings = Mapping[tuple[Any, ...], Sequence[Reading]]


@dataclass(frozen=True)
class Setting:
    """What the window is held against: the release that must answer, and where logs began."""

    expected_version: str | None
    marks: Mapping[str, Mark] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """Every gate with its measurement, and the window they share."""

    gates: tuple[tuple[Gate, Measurement], ...]
    window: Window
    requests: int


@dataclass(frozen=True)
class Evaluation:
    """Every gate's result, and the verdict of all."""

    results: tuple[Result, ...]
    measured: Measured

    @property
    def verdict(self) -> str:
        """Red if any gate is red, else unknown if any is, else amber, else green."""
        return overall([result.verdict for result in self.results])


def run_measurements(spec: Spec, setting: Setting) -> Measured:
    """Read all sources in one window and measure every gate.

    Raises nothing for what a source does: that gate is then a measurement with a problem.
    """
    longest = max((gate.samples.lasting for gate in spec.gates), default=0.0)
    served = [service for service in spec.services if is_asked(service, spec.gates)]
    looks = Samples(1, IDENTITY_EVERY, longest)
    identities = {service.name: identity_reader(service, looks) for service in served}
    readers = [gate.source.reader(gate.samples) for gate in spec.gates]
    wall, start = time.time(), time.monotonic()
    readings = run_window([*readers, *identities.values()], spec.traffic)
    window = Window(
        started=wall,
        seconds=time.monotonic() - start,
        presences={
            name: presence(name, list(readings[reader.key]), setting.expected_version)
            for name, reader in identities.items()
        },
        marks=setting.marks,
        expected_version=setting.expected_version,
    )
    gates = tuple((gate, measure(gate, readings, window)) for gate in spec.gates)
    return Measured(gates, window, len(readings[("traffic",)]))


def is_asked(service: Service, gates: Sequence[Gate]) -> bool:
    """True when a gate's samples must come from this service's process."""
    return any(gate.source.service == service.name for gate in gates)


def measure(gate: Gate, readings: Readings, window: Window) -> Measurement:
    """Measure one gate from its own readings; any failure is that gate's alone."""
    key = gate.source.reader(gate.samples).key
    mine = [r for r in readings.get(key, ()) if r.due <= gate.samples.lasting]
    measured, failure = guarded(lambda: gate.source.measure(gate, mine, window))
    measured = measured or Measurement(None, problem=failure)
    return replace(measured, at=window.started + window.seconds)


def evaluate(measured: Measured, baseline: Baseline) -> Evaluation:
    """Judge every measurement; a rule that fails makes its gate unknown."""
    return Evaluation(tuple(judge_one(g, m, baseline) for g, m in measured.gates), measured)


def judge_one(gate: Gate, measurement: Measurement, baseline: Baseline) -> Result:
    """Judge one gate; any failure is that gate's alone."""
    result, failure = guarded(lambda: judge(gate, measurement, baseline))
    return softened(Result(gate, "unknown", failure)) if result is None else result


def told(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation as evidence for the ledger: thinned until it is small enough to keep."""
    window = evaluation.measured.window
    most = MOST_SAMPLES
    while True:
        evidence = {
            "verdict": evaluation.verdict,
            "gates": [result.as_dict(most) for result in evaluation.results],
            "seconds": round(window.seconds, 3),
            "services": {name: served(one) for name, one in window.presences.items()},
            "requests": evaluation.measured.requests,
        }
        if most == 0 or len(json.dumps(evidence)) <= EVIDENCE_BYTES:
            return evidence
        most = most // 2 if most > 1 else 0


def served(one: Presence) -> dict[str, str]:
    """Which process served the window, or why that is not known."""
    if one.identity is None:
        return {"problem": one.problem}
    return {"version": one.identity.version, "instance": one.identity.instance}
