"""Running contestants by turns, so that what the machine does meanwhile happens to all of them."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from tests.bench.model import NotMeasuredError, Sample

Contestant = Callable[[], Sample]


def interleaved(contestants: Mapping[str, Contestant], runs: int) -> dict[str, list[Sample]]:
    """Run every contestant so many times, by turns; each round begins with another one."""
    names = list(contestants)
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    for number in range(runs):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            os.sync()  # what the one before left to be written is not this one's work
            samples[name].append(contestants[name]())
    return samples


def median_wall(samples: Sequence[Sample]) -> float:
    """The median of the wall times, in seconds."""
    return statistics.median(sample.wall for sample in samples)


def median_cpu(samples: Sequence[Sample]) -> float:
    """The median of the processor times, in seconds."""
    return statistics.median(sample.cpu for sample in samples)


def run_commands(*commands: Sequence[str]) -> Sample:
    """Run commands one after the other, each an argument list, and measure them together."""
    wall = time.perf_counter()
    before = os.times()
    for argv in commands:
        done = subprocess.run(argv, capture_output=True, text=True)
        if done.returncode:
            raise NotMeasuredError(f"{argv[0]} failed: {last_line(done.stderr or done.stdout)}")
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return Sample(time.perf_counter() - wall, cpu)


def run_act(act: str, *arguments: str) -> Sample:
    """Do one act of `tests.bench.child` in a process of its own, which measures itself.

    The start of the interpreter is not in the figures: a deployment pays it once for a module.
    """
    argv = [sys.executable, "-m", "tests.bench.child", act, *arguments]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        raise NotMeasuredError(f"{act} failed: {last_line(done.stderr)}")
    return Sample(**json.loads(done.stdout))


def last_line(text: str) -> str:
    """The last line of what a program said."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
