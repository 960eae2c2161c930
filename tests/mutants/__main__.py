"""Take out each guard in turn: ``python -m tests.mutants [--list] [--only NAME] [--jobs 2]``.

Exit 1 when the tests of a guard pass without it, fail with it, or could not be run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from .guards import Guard, read_guards
from .trial import Trial


def main() -> int:
    """Prove the guards that are asked for, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    guards = [g for g in read_guards() if not asked.only or g.name in asked.only]
    if asked.list:
        for guard in guards:
            print(f"{guard.name:36} {guard.protects}")
        return 0
    problems = [f"{guard.name}: {guard.problem()}" for guard in guards if guard.problem()]
    if problems or not guards:
        print("\n".join(problems or ["no guard has that name"]))
        return 1
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        trials = [Trial.made(Path(place) / str(number)) for number in range(asked.jobs)]
        return prove(guards, trials)


def prove(guards: list[Guard], trials: list[Trial]) -> int:
    """All tests once with every guard, then those of each guard without it, a copy for each job."""
    red = trials[0].red_with_all([test for guard in guards for test in guard.tests])
    for line in red:
        print(f"with every guard in its place: {line}")
    free: SimpleQueue[Trial] = SimpleQueue()
    for trial in trials:
        free.put(trial)

    def take_out(guard: Guard) -> tuple[float, list[str], str]:
        trial = free.get()
        try:
            return trial.without(guard)
        finally:
            free.put(trial)

    survivors = []
    with ThreadPoolExecutor(len(trials)) as pool:
        for guard, (seconds, killers, words) in zip(guards, pool.map(take_out, guards)):
            if not killers:
                survivors.append(guard.name)
            told = killers[0] if killers else f"SURVIVES: {words}"
            print(f"{guard.name:36} {seconds:5.1f} s  {told}", flush=True)
    print(f"{len(guards)} guards, {len(survivors)} survive{''.join(f' {n}' for n in survivors)}")
    return 1 if red or survivors else 0


if __name__ == "__main__":
    sys.exit(main())
