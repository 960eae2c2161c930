"""From a measurement to a verdict. Whatever is not known to be good does not pass."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .baseline import ABSENT, MEASURING, MISSING, Baseline
from .model import Gate, Measurement
from .rules import GREEN, RED, SEVERITY, UNKNOWN, Figure, Finding, Rule, Shown, spoken, worst_of
from .samples import significant, thin

PASSING = (GREEN, "amber")


@dataclass(frozen=True)
class Result:
    """What one gate says."""

    gate: Gate
    verdict: str
    reason: str
    target: Shown = None
    limit: Shown = None
    baseline: float | None = None
    measured: Measurement = field(default_factory=lambda: Measurement(None))

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
        findings = [find(gate, rule, measured, baseline, figure) for rule in gate.rules]
        verdict = worst_of([finding.verdict for finding in findings])
        reason = tell(findings, verdict)
    return Result(gate, verdict, reason, target, limit, figure.value if figure else None, measured)


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


def find(
    gate: Gate, rule: Rule, measured: Measurement, baseline: Baseline, figure: Figure | None
) -> Finding:
    """What one rule says, and unknown where it cannot know."""
    actual = measured.value
    if actual is None:
        raise AssertionError("a measurement without a value reached a rule")
    if rule.kind.startswith("relative"):
        if baseline.state == ABSENT:
            return Finding(GREEN, "no baseline: absolute only", remark=True)
        if baseline.state == MEASURING:
            return Finding(GREEN, f"{spoken(actual, gate.unit)} is the baseline")
        if baseline.state == MISSING:
            return Finding(UNKNOWN, "this run recorded no baseline")
        if frozen(gate, measured, figure):
            return Finding(UNKNOWN, f"always {actual:g}, as the baseline was: is its source alive?")
    finding = rule.find(actual, figure, gate.unit)
    if measured.floor and finding.verdict != RED:
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
