"""Drawings for the report: the timeline of the phases, the samples of a gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .account import iso
from .axis import Axis, make_axis
from .markup import Markup, el
from .text import duration, measure, number, visible
from .view import Bar

WIDTH, LEFT, RIGHT, TOP = 960, 96, 84, 26
PLOT_WIDTH, PLOT_HEIGHT, PLOT_EDGE = 240, 66, 8
WAITING = "observe"
"""The phase that mostly waits; its length must not squeeze the others."""


@dataclass(frozen=True)
class Rows:
    """How the rows of a timeline are laid out: a bar of ``thick`` for each host in each."""

    axis: Axis
    hosts: list[str]
    height: float
    thick: float


def timeline(bars: Sequence[Bar]) -> Markup | None:
    """A row for each phase, in it a bar for each host; None when there is nothing to draw."""
    if not bars:
        return None
    hosts = list(dict.fromkeys(b.host for b in bars))
    phases = list(dict.fromkeys(b.phase for b in sorted(bars, key=lambda b: b.began)))
    spans = [(b.began, b.ended) for b in bars if b.phase != WAITING]
    ends = [(m, m) for m in (min(b.began for b in bars), max(b.ended for b in bars))]
    axis = make_axis([*spans, *ends])
    thick = min(11.0, max(1.5, 30.0 / len(hosts)))
    rows = Rows(axis, hosts, max(24.0, len(hosts) * (thick + 1) + 8), thick)
    height = TOP + rows.height * len(phases) + 10
    tops = [(p, TOP + n * rows.height) for n, p in enumerate(phases)]
    return el(
        "svg",
        grid(axis, height),
        [phase_row(rows, phase, [b for b in bars if b.phase == phase], top) for phase, top in tops],
        viewBox=f"0 0 {WIDTH} {height:.0f}",
        role="img",
        class_="timeline",
        aria_label=f"Timeline of {len(phases)} phases on {len(hosts)} hosts",
    )


def across(axis: Axis, moment: float) -> float:
    """The horizontal place of a moment."""
    return round(LEFT + axis.at(moment) * (WIDTH - LEFT - RIGHT), 2)


def grid(axis: Axis, height: float) -> list[Markup]:
    """The vertical lines with their times since the beginning, and the marks of left-out time."""
    begin = axis.stretches[0].began
    found = []
    for tick in axis.ticks():
        x = across(axis, tick)
        label = duration(tick - begin).replace(".0 s", " s").removesuffix(" 00 s")
        found.append(el("line", x1=x, x2=x, y1=TOP - 6, y2=height - 6, class_="grid"))
        found.append(el("text", label, x=x, y=TOP - 12, class_="tick"))
    for stretch in axis.stretches:
        if stretch.pause:
            x1, x2 = across(axis, stretch.began), across(axis, stretch.ended)
            middle = (x1 + x2) / 2
            found.append(
                el(
                    "rect",
                    x=x1,
                    y=TOP - 6,
                    width=round(x2 - x1, 2),
                    height=height - TOP,
                    class_="pause",
                )
            )
            words = f"{duration(stretch.ended - stretch.began)} later"
            turn = f"rotate(-90 {middle + 4:.2f} {TOP})"
            found.append(
                el(
                    "text",
                    words,
                    x=f"{middle + 4:.2f}",
                    y=TOP,
                    class_="pause-words",
                    transform=turn,
                )
            )
    return found


def phase_row(rows: Rows, phase: str, bars: Sequence[Bar], top: float) -> Markup:
    """One phase: its name, the bars of its hosts, and how long the slowest host took."""
    each = rows.thick + 1
    first = top + (rows.height - len(rows.hosts) * each) / 2
    drawn = [
        bar_of(rows.axis, b, first + rows.hosts.index(b.host) * each, rows.thick) for b in bars
    ]
    longest = max(
        sum(b.ended - b.began for b in bars if b.host == h) for h in {b.host for b in bars}
    )
    middle = round(top + rows.height / 2 + 4, 2)
    return el(
        "g",
        el("line", x1=0, x2=WIDTH, y1=round(top, 2), y2=round(top, 2), class_="rule"),
        el("text", visible(phase, 14), x=LEFT - 10, y=middle, class_="phase"),
        drawn,
        el("text", duration(longest), x=WIDTH - 2, y=middle, class_="took"),
    )


def bar_of(axis: Axis, bar: Bar, y: float, thick: float) -> Markup:
    """One host's stretch of a phase, wide enough to be seen, with its words on hovering."""
    x1, x2 = across(axis, bar.began), across(axis, bar.ended)
    kind = "back" if bar.phase == "rollback" and bar.outcome == "done" else bar.outcome
    took = duration(bar.ended - bar.began)
    return el(
        "g",
        el("title", f"{bar.phase} on {bar.host}: {bar.outcome}, {took}, from {iso(bar.began)}"),
        el(
            "rect",
            x=x1,
            y=round(y, 2),
            width=round(max(2.5, x2 - x1), 2),
            height=round(thick, 2),
            rx=min(3, thick / 3),
            class_=f"bar {kind}",
        ),
    )


def samples_plot(gate: Mapping[str, Any]) -> Markup | None:
    """The samples of a gate with its limit, target and baseline; None without two samples."""
    points = readable(gate.get("samples"))
    if len(points) < 2:
        return None
    levels = [
        (kind, float(v))
        for kind in ("limit", "target", "baseline")
        for v in numbers(gate.get(kind))
    ]
    ys = [y for _, y in points] + [v for _, v in levels]
    low, high = min(ys), max(ys)
    margin = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    low, high = low - margin, high + margin
    first, last = points[0][0], max(points[-1][0], points[0][0] + 1e-9)

    def place(x: float, y: float) -> tuple[float, float]:
        across_plot = PLOT_EDGE + (x - first) / (last - first) * (PLOT_WIDTH - 2 * PLOT_EDGE)
        return round(across_plot, 1), round(PLOT_HEIGHT * (1 - (y - low) / (high - low)), 1)

    verdict = str(gate.get("verdict"))
    unit = str(gate.get("unit") or "")
    places = [place(*p) for p in points]
    end = places[-1]
    track = Markup(" ".join(f"{x},{y}" for x, y in places))
    return el(
        "svg",
        el("title", plot_words(gate, points, unit)),
        [level_line(kind, place(first, value)[1]) for kind, value in levels],
        el("polyline", points=track, class_=f"samples {verdict}"),
        el("circle", cx=end[0], cy=end[1], r=2.6, class_=f"last {verdict}"),
        viewBox=f"0 0 {PLOT_WIDTH} {PLOT_HEIGHT}",
        role="img",
        class_="plot",
    )


def plot_words(gate: Mapping[str, Any], points: Sequence[tuple[float, float]], unit: str) -> str:
    """What the drawing shows, for who cannot see it."""
    values = [y for _, y in points]
    seen = f"{len(points)} samples over {duration(points[-1][0] - points[0][0])}"
    extent = f"{measure(min(values), unit)} to {measure(max(values), unit)}"
    return f"{visible(gate.get('name'), 80)}: {seen}, {extent}"


def level_line(kind: str, y: float) -> Markup:
    """A horizontal line for a limit, a target or a baseline."""
    return el("line", x1=0, x2=PLOT_WIDTH, y1=y, y2=y, class_=f"level {kind}")


def readable(samples: object) -> list[tuple[float, float]]:
    """The finite samples in order of time."""
    pairs = samples if isinstance(samples, list) else []
    read = [numbers(p) for p in pairs if isinstance(p, (list, tuple)) and len(p) == 2]
    return sorted((p[0], p[1]) for p in read if len(p) == 2)


def numbers(value: object) -> list[float]:
    """The finite numbers in one value or a range."""
    offered = value if isinstance(value, (list, tuple)) else [value]
    return [n for n in map(number, offered) if n is not None]
