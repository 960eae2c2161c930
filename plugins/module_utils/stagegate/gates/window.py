"""One window: every source of a call is read at its own times, all of them at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .joining import join_until
from .model import Reader, Reading, SourceFault
from .sources.probe import TRAFFIC
from .spec import Traffic
from .traffic import run_traffic

Given = TypeVar("Given")

GRACE = 1.0
"""Seconds that a reader may take beyond its own deadline before the window closes without it."""


def guarded(call: Callable[[], Given]) -> tuple[Given | None, str]:
    """What a call gives, or in words why it gives nothing.

    The one place where any exception is caught: a defect in one gate makes that gate unknown, and
    must neither stop the others nor drop out of the evaluation.
    """
    try:
        return call(), ""
    except SourceFault as fault:
        return None, fault.what
    except Exception as error:  # noqa: BLE001 - see above
        return None, f"the evaluation failed: {type(error).__name__}: {error}"


def merge(readers: Iterable[Reader]) -> list[Reader]:
    """One reader for each key, at all the times that anybody asked for."""
    merged: dict[tuple[Any, ...], Reader] = {}
    for reader in readers:
        other = merged.get(reader.key)
        if other is not None:
            times = tuple(sorted({*reader.times, *other.times}))
            deadline = max(reader.deadline, other.deadline)
            reader = Reader(reader.key, reader.read, times, deadline)  # noqa: PLW2901
        merged[reader.key] = reader
    return list(merged.values())


class Collector(threading.Thread):
    """Reads one source at its times. Times that a slow read ran over are left out, but the last."""

    def __init__(self, reader: Reader, start: float) -> None:
        super().__init__(daemon=True)  # a reader that hangs must not keep the module alive
        self.reader = reader
        self.began = start
        self.readings: list[Reading] = []
        self.stop = threading.Event()

    def run(self) -> None:
        """Read until the last time has come."""
        times = self.reader.times
        for i, due in enumerate(times):
            overtaken = i + 1 < len(times) and self.elapsed() >= times[i + 1]
            if overtaken:
                continue
            if self.stop.wait(max(0.0, due - self.elapsed())):
                return
            payload, failure = guarded(self.reader.read)
            self.readings.append(Reading(self.elapsed(), payload, failure, due))

    def elapsed(self) -> float:
        """Seconds since the window began."""
        return time.monotonic() - self.began

    def result(self) -> list[Reading]:
        """What was read; a read that never came back is told as a failure."""
        readings = list(self.readings)
        if self.is_alive():
            self.stop.set()
            readings.append(Reading(self.elapsed(), None, "no answer when the window closed"))
        return readings


def run_window(
    readers: Iterable[Reader], traffic: Traffic | None
) -> dict[tuple[Any, ...], list[Reading]]:
    """Read everything, make the synthetic requests, and return the readings by key.

    It lasts as long as the longest gate, not as all of them together, and always ends.
    """
    start = time.monotonic()
    collectors = [Collector(reader, start) for reader in merge(readers)]
    for collector in collectors:
        collector.start()
    requests = [] if traffic is None else run_traffic(traffic, start)
    for collector in collectors:
        reader = collector.reader
        end = start + max(reader.times, default=0.0) + reader.deadline + GRACE
        join_until(collector, end)
    readings = {collector.reader.key: collector.result() for collector in collectors}
    readings[TRAFFIC] = requests
    return readings
