"""From what a user wrote to gates. Every mistake is told with its path before anything is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import BadInput
from .fields import Fields, is_loopback
from .model import (
    AT_LEAST,
    AT_MOST,
    COUNTED,
    QUANTILES,
    SEVERITIES,
    STATISTICS,
    Gate,
    Samples,
    Service,
    Source,
)
from .rules_relative import SAME_HOUR, Relative, RelativeRange
from .rules_series import Streak
from .rules_tests import CountTest, RankTest
from .sources import KINDS
from .sources.probe import Probe
from .spec_rules import read_rules

WORST = {
    "ms": 60_000.0,
    "s": 60.0,
    "%": 100.0,
    "ratio": 1.0,
    "count": 1e6,
    "bytes": 2.0**50,
    "1/s": 1e6,
}
"""The worst that can happen in each unit; a limit beyond it is a gate that cannot fail."""

EVENTS = 20

ONCE = ("sql", "command", "recorded")
"""Sources that are asked once by default: each look is work, or nothing changes meanwhile."""

WINDOW = 5.0
"""Seconds that a gate looks by default; the length of the synthetic traffic, where there is any."""

MOST_REQUESTS = 500


@dataclass(frozen=True)
class Traffic:
    """Requests the window makes itself, so that a quiet service has something to measure."""

    per_second: float
    lasting: float
    urls: tuple[str, ...]
    deadline: float


@dataclass(frozen=True)
class Spec:
    """Everything one call measures."""

    gates: tuple[Gate, ...]
    services: tuple[Service, ...]
    traffic: Traffic | None


def read_spec(
    gates: Sequence[object], services: Sequence[object], synthetic: object = None
) -> Spec:
    """Read gates, services and synthetic traffic. Raises BadInput with every mistake in it."""
    problems: list[str] = []
    known = tuple(s for s in (read_service(raw, problems) for raw in services) if s)
    traffic = None if not synthetic else read_traffic(synthetic, problems)
    usual = traffic.lasting if traffic else WINDOW
    found = tuple(read_gate(raw, i, known, problems, usual) for i, raw in enumerate(gates))
    twice = sorted({g.name for g in found if sum(o.name == g.name for o in found) > 1})
    problems += [f"gates: the name {name} is used twice" for name in twice]
    if any(isinstance(gate.source, Probe) for gate in found) and traffic is None:
        problems.append("synthetic: a gate reads probe, but there is no synthetic traffic")
    if problems:
        raise BadInput(
            "the gates are not written right: " + "; ".join(problems),
            now="nothing was measured",
            untouched="every host",
            next="correct these keys and run the same command again",
        )
    return Spec(found, known, traffic)


def read_service(raw: object, problems: list[str]) -> Service | None:
    """A service's health, of which other roles own the remaining keys; None when it has none."""
    if not isinstance(raw, Mapping) or not raw.get("health"):
        return None
    fields = Fields(raw["health"], f"services.{raw.get('name')}.health", problems)
    return Service(
        str(raw.get("name")),
        fields.url("url"),
        fields.text("version_field", "version"),
        fields.text("instance_field", "instance_id"),
    )


def read_traffic(raw: object, problems: list[str]) -> Traffic:
    """Synthetic traffic: GETs only, and only to this machine."""
    fields = Fields(raw, "synthetic", problems)
    urls = fields.get("urls")
    listed = [str(url) for url in urls] if isinstance(urls, (list, tuple)) else []
    if not listed or not all(is_loopback(url) for url in listed):
        fields.problem("urls", "must be a list of urls on this machine (127.0.0.1)")
    traffic = Traffic(
        per_second=fields.number("requests_per_second"),
        lasting=fields.seconds("for", WINDOW),
        urls=tuple(listed),
        deadline=fields.seconds("deadline", 2.0),
    )
    if not 0 < traffic.per_second <= MOST_REQUESTS:
        fields.problem("requests_per_second", f"must be above 0 and at most {MOST_REQUESTS}")
    fields.close()
    return traffic


def read_gate(
    raw: object,
    index: int,
    services: Sequence[Service],
    problems: list[str],
    usual: float,
) -> Gate:
    """One gate."""
    fields = Fields(raw, f"gates[{index}]", problems)
    name = fields.text("name")
    fields.path = f"gates[{index}] ({name})"
    source = read_source(fields, services)
    statistic = fields.choice("statistic", STATISTICS, "value")
    if statistic not in source.statistics:
        offered = ", ".join(source.statistics)
        fields.problem("statistic", f"{source.kind} gives {offered}, not {statistic}")
    unit = fields.text("unit")
    direction = fields.choice("direction", (AT_MOST, AT_LEAST), AT_MOST)
    gate = Gate(
        name=name,
        source=source,
        unit=unit,
        statistic=statistic,
        direction=direction,
        rules=read_rules(fields, direction, unit),
        samples=read_samples(fields, source, statistic, usual),
        worst=read_worst(fields, unit),
        on_unknown=fields.choice("on_unknown", ("red", "hold"), "red"),
        baseline=fields.choice("baseline", ("required", "none"), "required") == "required",
        constant=fields.flag("constant", False),
        polls=counts_polls(source, statistic),
        severity=fields.choice("severity", SEVERITIES, "must"),
    )
    refuse_contradictions(gate, fields)
    fields.close()
    return gate


def read_worst(fields: Fields, unit: str) -> float:
    """The worst value of the gate's unit, which a unit of the user's own must come with."""
    if unit not in WORST and not fields.has("worst"):
        fields.problem(
            "unit", f"is none of {', '.join(WORST)}: give `worst`, the worst value of it"
        )
        return 1.0
    return fields.number("worst", WORST.get(unit, 1.0))


def read_source(fields: Fields, services: Sequence[Service]) -> Source:
    """A gate's source, read by its own kind."""
    below = fields.sub("source") or Fields({}, f"{fields.path}.source", fields.problems)
    kind = below.choice("kind", tuple(KINDS))
    make: Callable[[Fields, Sequence[Service]], Source] = KINDS[kind]
    if "kind" not in below.raw or below.raw["kind"] != kind:
        return make(Fields({}, below.path, []), services)  # its keys cannot be told right or wrong
    source = make(below, services)
    below.close()
    return source


def read_samples(fields: Fields, source: Source, statistic: str, usual: float) -> Samples:
    """How much must be seen. What is work is asked once by default, the rest for ``usual`` s.

    The minimum counts events where the source counts any (20 by default), else polls: half of the
    planned ones by default, so that a busy machine which misses some is not called unknown.
    """
    below = fields.sub("samples") or Fields({}, f"{fields.path}.samples", fields.problems)
    once = source.kind in ONCE and statistic not in COUNTED
    every = below.seconds("every", 0.5, least=0.05)
    lasting = below.seconds("for", 0.0 if once else usual, least=0.0)
    planned = Samples(1, every, lasting)
    polls = counts_polls(source, statistic)
    minimum = below.whole("min", max(1, (planned.polls + 1) // 2) if polls else EVENTS, least=1)
    if polls and minimum > planned.polls:
        below.problem("min", f"{minimum} samples cannot be read in {planned.polls} polls")
    if lasting == 0 and (statistic in COUNTED or not polls):
        below.problem("for", "must be longer than 0: this needs a beginning and an end")
    below.close()
    return Samples(minimum, every, lasting)


def counts_polls(source: Source, statistic: str) -> bool:
    """True when a sample is a poll; false when it is an event that the source counted itself."""
    if source.kind == "prometheus_text":
        return statistic not in QUANTILES and getattr(source, "of", None) is None
    return source.polled


def refuse_contradictions(gate: Gate, fields: Fields) -> None:
    """Note what each key allows and all together do not."""
    if gate.relative and not gate.baseline:
        fields.problem("baseline", "none contradicts relative: there is nothing to compare with")
    if gate.relative and gate.source.kind == "log" and gate.statistic == "delta":
        fields.problem("relative", "counts of two windows of different length do not compare")
    for rule in gate.rules:
        if isinstance(rule, CountTest) and not has_counts(gate):
            fields.problem(
                "counts", "needs statistic rate of log, probe, or prometheus_text with of"
            )
        if isinstance(rule, (Streak, RankTest)) and not has_series(gate):
            fields.problem(rule.kind, f"{gate.source.kind} has no series for {gate.statistic}")
        past = isinstance(rule, (Relative, RelativeRange)) and rule.to == SAME_HOUR
        if past and not getattr(gate.source, "history_days", 0):
            fields.problem("relative.to", "same_hour needs a prometheus source with history_days")


def has_counts(gate: Gate) -> bool:
    """True when the source counts events and their total."""
    counted = gate.source.kind in ("log", "probe") or getattr(gate.source, "of", None) is not None
    return gate.statistic == "rate" and counted


def has_series(gate: Gate) -> bool:
    """True when the measurement's samples are values in the gate's unit, one for each look."""
    if gate.statistic == "rate":
        return gate.source.kind == "prometheus_text"
    return gate.statistic != "delta" and gate.source.kind != "recorded"
