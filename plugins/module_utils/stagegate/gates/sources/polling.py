"""What sources that are polled for one number have in common."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import COUNTED, Gate, Samples
from ..samples import Point


def poll_times(samples: Samples) -> tuple[float, ...]:
    """When a polled source is read: at the start, every so often, and at the end."""
    times = [i * samples.every for i in range(samples.polls)]
    if samples.lasting - times[-1] > samples.every / 2:
        times.append(samples.lasting)
    return tuple(times)


def scaled(points: Sequence[Point], scale: float) -> tuple[Point, ...]:
    """Values in the gate's unit."""
    return tuple((t, value * scale) for t, value in points) if scale != 1.0 else tuple(points)


def scaled_back(value: float, scale: float) -> float:
    """A value in the source's own unit."""
    return value / scale


def spoiled_series(gate: Gate, value: float) -> list[tuple[float, float]]:
    """As many samples as a gate asks for, whose statistic is ``value``."""
    count = max(gate.samples.minimum, 2)
    step = gate.samples.lasting / (count - 1)
    if gate.statistic not in COUNTED:
        return [(i * step, value) for i in range(count)]
    total = value if gate.statistic == "delta" else value * gate.samples.lasting
    return [(i * step, total * i / (count - 1)) for i in range(count)]
