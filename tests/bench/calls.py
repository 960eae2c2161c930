"""What the callback `module_calls` wrote: module calls and seconds, phase by phase."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path


@dataclass(frozen=True)
class Calls:
    """Module calls by host and phase, and the seconds that each phase took for all hosts.

    The phases stand in the order in which they began.
    """

    by_host: dict[str, Counter[str]]
    seconds: dict[str, float]

    @property
    def most(self) -> int:
        """The calls on the host that got most."""
        return max((counter.total() for counter in self.by_host.values()), default=0)

    def lines(self) -> list[str]:
        """One line for each phase: its calls on the busiest host, and its time."""
        busiest = max(self.by_host.values(), key=Counter.total, default=Counter())
        return [
            f"{phase}: {busiest[phase]} calls, {seconds:.1f} s"
            for phase, seconds in self.seconds.items()
        ]


def read_calls(path: Path) -> Calls:
    """Read what was written during one playbook."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    by_host: dict[str, Counter[str]] = {}
    for line in lines:
        if "module" in line:
            by_host.setdefault(line["host"], Counter())[line["phase"]] += 1
    seconds: dict[str, float] = {}
    beginnings = [line for line in lines if "began" in line]
    for one, following in pairwise(beginnings):
        elapsed = following["began"] - one["began"]
        seconds[one["phase"]] = seconds.get(one["phase"], 0.0) + elapsed
    return Calls(by_host, seconds)
