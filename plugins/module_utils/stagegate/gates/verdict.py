"""From a measurement to a verdict. Whatever is not known to be good does not pass."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .baseline import ABSENT, MEASURING, MISSING, Baseline
from .model import Gate, Measurement
from .rules import (
    AMBER,
    GREEN,
    RED,
    SEVERITY,
    UNKNOWN,
    Case,
    Figure,
    Finding,
    Rule,
    Shown,
    spoken,
    worst_of,
)
from .samples import significant, thin

PASSING = (GREEN, AMBER)
SOFT = {"should": "should be kept", "nice": "would be nice to have"}


@dataclass(frozen=True)
class Result:
    """What one gate says. ``found`` is what it would say if its severity were ``must``."""

    gate: Gate
    verdict: str
    reason: str
    target: Shown = None
    limit: Shown = None
    baseline: float | None = None
    measured: Measurement = field(default_factory=lambda: Measurement(None))
    found: str = ""

    def as_dict(self, most_samples: int) -> dict[str, Any]:
        """As the record and the report read it."""
        gate, value = self.gate, self.measured.value
        return {
            "name": gate.name,
            "verdict": self.verdict,
            "unit": gate.unit,
            "kind": gate.kind,
            "statistic": gate.statistic,
            "target": self.target,
            "limit": self.limit,
            "baseline": None if self.baseline is None else significant(self.baseline),
            "actual": significant(value) if value is not None and math.isfinite(value) else None,
            "reason": self.reason,
            "samples": thin(finite(self.measured.samples), most_samples),
            "count": self.measured.count,
            "min_samples": gate.samples.minimum,
            "rejected": dict(self.measured.rejected),
            "on_unknown": gate.on_unknown,
            "severity": gate.severity,
            "found": self.found or self.verdict,
            "remarks": list(self.measured.remarks),
            "source": gate.source.describe(),
        }


def finite(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that can be written as JSON."""
    return [point for point in points if math.isfinite(point[1])]


def overall(verdicts: Sequence[str]) -> str:
    """Red if any is red, else unknown if any is unknown, else amber, else green."""
    return worst_of(list(verdicts))


def judge(gate: Gate, measured: Measurement, baseline: Baseline) -> Result:
    """The verdict of one gate.

    A value counts only when it is finite and stands on enough samples; then every rule is asked and
    the worst answer is the gate's.
    """
    figure = baseline.figures.get(gate.name)
    target, limit = shown(gate.rules, figure)
    doubt = why_not(gate, measured)
    if doubt:
        verdict, reason = UNKNOWN, doubt
    else:
        case = case_of(gate, measured, baseline, figure)
        findings = [find(gate, rule, case, baseline) for rule in gate.rules]
        verdict = worst_of([finding.verdict for finding in findings])
        reason = tell(findings, verdict)
    reason = "; ".join((reason, *measured.remarks))
    base = figure.value if figure else None
    return softened(Result(gate, verdict, reason, target, limit, base, measured))


def softened(result: Result) -> Result:
    """The result with the weight of its gate: one that only should be kept is told and goes on."""
    severity = result.gate.severity
    if severity == "must" or result.verdict in PASSING:
        return result
    reason = f"{result.verdict}, but it only {SOFT[severity]}: {result.reason}"
    return replace(result, verdict=AMBER, reason=reason, found=result.verdict)


def case_of(gate: Gate, measured: Measurement, baseline: Baseline, figure: Figure | None) -> Case:
    """What the rules judge of a measurement that counts."""
    if measured.value is None:
        raise AssertionError("a measurement without a value reached the rules")
    values = [value for _, value in measured.samples] if gate.statistic == "value" else []
    age = None
    if measured.at is not None and baseline.began is not None:
        age = measured.at - baseline.began
    return Case(
        actual=measured.value,
        unit=gate.unit,
        measured=measured,
        samples=gate.samples,
        figure=figure,
        age=age,
        constant=gate.constant,
        lowest=min(values, default=measured.value),
        highest=max(values, default=measured.value),
    )


def why_not(gate: Gate, measured: Measurement) -> str:
    """Why a measurement proves nothing; empty when it counts."""
    value, least = measured.value, gate.samples.minimum
    if measured.problem or value is None:
        problem = measured.problem or "there is no value"
        return problem if problem in measured.rejected else problem + rejections(measured.rejected)
    if not math.isfinite(value):
        return f"the value is not finite ({value})"
    if not measured.count >= least:
        return f"{measured.count} of at least {least} samples{rejections(measured.rejected)}"
    return ""


def rejections(rejected: Mapping[str, int]) -> str:
    """The commonest reason for rejected samples, for a message."""
    if not rejected:
        return ""
    reason, total = max(rejected, key=lambda key: rejected[key]), sum(rejected.values())
    share = f"{rejected[reason]} of {total}" if len(rejected) > 1 else f"{total}"
    return f"; rejected {share}: {reason}"


def find(gate: Gate, rule: Rule, case: Case, baseline: Baseline) -> Finding:
    """What one rule says, and unknown where it cannot know."""
    actual = case.actual
    if rule.compares:
        if baseline.state == ABSENT:
            return Finding(GREEN, "no baseline: absolute only", remark=True)
        if baseline.state == MEASURING:
            return Finding(GREEN, f"{spoken(actual, gate.unit)} is the baseline")
        if baseline.state == MISSING:
            return Finding(UNKNOWN, "this run recorded no baseline")
        if frozen(gate, case.measured, case.figure):
            return Finding(UNKNOWN, f"always {actual:g}, as the baseline was: is its source alive?")
    finding = rule.find(case)
    if case.measured.floor and finding.verdict != RED:
        return Finding(UNKNOWN, f"{spoken(actual, gate.unit)} or more: beyond the last bucket")
    return finding


def frozen(gate: Gate, measured: Measurement, figure: Figure | None) -> bool:
    """True when polls of both releases gave one and the same number all the time.

    A dead exporter looks like that and would compare as perfectly equal; a figure that really never
    changes says so with ``constant: true``.
    """
    if figure is None or measured.alive or gate.constant:
        return False
    return measured.variance == 0.0 and figure.variance == 0.0 and measured.value == figure.value


def shown(rules: Sequence[Rule], figure: Figure | None) -> tuple[Shown, Shown]:
    """Target and limit to show: those of the first rule that has any."""
    for rule in rules:
        target, limit = rule.thresholds(figure)
        if limit is not None:
            return target, limit
    return None, None


def tell(findings: Sequence[Finding], verdict: str) -> str:
    """The words of the rules that made the verdict, and every remark."""
    return "; ".join(f.reason for f in findings if f.verdict == verdict or f.remark)


def worst_first(results: Sequence[Result]) -> list[Result]:
    """The results that stop a run, the gravest first."""
    failing = [result for result in results if result.verdict not in PASSING]
    return sorted(failing, key=lambda result: -SEVERITY[result.verdict])
