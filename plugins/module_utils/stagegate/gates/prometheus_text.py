"""The Prometheus text format: reading a scrape strictly, and writing a small textfile.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4). A line
that is not in the format makes the whole scrape unusable: half a scrape is not a measurement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Labels = tuple[tuple[str, str], ...]

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\\n]|\\.)*)"\s*(,|$)')
LINE = re.compile(
    rf'({NAME})\s*(?:\{{((?:[^"}}]|"(?:[^"\\]|\\.)*")*)\}})?\s*([^\s{{}}]+)(?:\s+(-?\d+))?\s*$'
)
TYPE = re.compile(rf"#\s+TYPE\s+({NAME})\s+(\w+)\s*$")
ESCAPED = re.compile(r"\\(.)")
ESCAPES = {"n": "\n", "\\": "\\", '"': '"'}
NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|[Ii]nf|NaN|nan)$")


@dataclass(frozen=True)
class Series:
    """One line of a scrape. ``stamp`` is in seconds since 1970 where the exporter gave one."""

    labels: Labels
    value: float
    stamp: float | None = None

    def get(self, label: str) -> str:
        """A label's value; a label that is not there is empty, as in Prometheus."""
        return next((value for name, value in self.labels if name == label), "")


@dataclass(frozen=True)
class Scrape:
    """Everything one endpoint said at one moment, by metric name."""

    types: Mapping[str, str]
    series: Mapping[str, Sequence[Series]]

    def of(self, metric: str) -> Sequence[Series]:
        """The series of a metric, none when the name is unknown."""
        return self.series.get(metric, ())

    def type_of(self, metric: str) -> str:
        """The declared type of a metric; empty when none is declared."""
        declared = self.types.get(metric, "")
        return "" if declared == "untyped" else declared


def parse(text: str) -> Scrape:
    """Read one scrape. Raises ValueError with the line's number when it is not in the format."""
    types: dict[str, str] = {}
    series: dict[str, list[Series]] = {}
    seen: set[tuple[str, Labels]] = set()
    if text and not text.endswith("\n"):
        raise ValueError("the last line is not whole")
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if stripped.startswith("#"):
            declared = TYPE.match(stripped)
            if declared:
                types[declared[1]] = declared[2]
        elif stripped:
            name, one = parse_line(stripped, number)
            if (name, one.labels) in seen:
                raise ValueError(f"line {number}: {name} occurs twice with the same labels")
            seen.add((name, one.labels))
            series.setdefault(name, []).append(one)
    return Scrape(types, series)


def parse_line(line: str, number: int) -> tuple[str, Series]:
    """One sample line: its metric name and its series."""
    match = LINE.match(line)
    if match is None or not NUMBER.match(match[3]):
        raise ValueError(f"line {number} is not in the Prometheus text format: {line:.60}")
    labels = tuple(sorted(parse_labels(match[2] or "", number)))
    stamp = int(match[4]) / 1000 if match[4] else None
    return match[1], Series(labels, float(match[3]), stamp)


def parse_labels(text: str, number: int) -> Iterator[tuple[str, str]]:
    """The labels between two braces."""
    at = 0
    while at < len(text.rstrip()):
        match = LABEL.match(text, at)
        if match is None:
            raise ValueError(f"line {number}: the labels cannot be read: {text:.60}")
        yield match[1], ESCAPED.sub(lambda m: ESCAPES.get(m[1], m[0]), match[2])
        at = match.end()


def quoted(value: str) -> str:
    """A label value as the format wants it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def render(metric: str, help_text: str, series: Sequence[tuple[Mapping[str, str], float]]) -> str:
    """One gauge with its series, as text."""
    lines = [f"# HELP {metric} {help_text}", f"# TYPE {metric} gauge"]
    for labels, value in series:
        pairs = ",".join(f"{name}={quoted(text)}" for name, text in labels.items())
        lines.append(f"{metric}{{{pairs}}} {value!r}" if pairs else f"{metric} {value!r}")
    return "\n".join(lines) + "\n"
