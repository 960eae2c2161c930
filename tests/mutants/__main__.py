"""Take out each guard in turn: ``python -m tests.mutants [--list] [--only NAME]``.

Exit 1 when the tests of a guard pass without it, fail with it, or could not be run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from .guards import Guard, read_guards
from .trial import Trial


def main() -> int:
    """Prove the guards that are asked for, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
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
        return prove(guards, Trial.made(Path(place)))


def prove(guards: list[Guard], trial: Trial) -> int:
    """All tests once with every guard, then those of each guard without it."""
    red = trial.red_with_all([test for guard in guards for test in guard.tests])
    for line in red:
        print(f"with every guard in its place: {line}")
    survivors = []
    for guard in guards:
        seconds, killers, words = trial.without(guard)
        if not killers:
            survivors.append(guard.name)
        print(f"{guard.name:36} {seconds:5.1f} s  {killers[0] if killers else words}", flush=True)
    print(f"{len(guards)} guards, {len(survivors)} survive{''.join(f' {n}' for n in survivors)}")
    return 1 if red or survivors else 0


if __name__ == "__main__":
    sys.exit(main())
