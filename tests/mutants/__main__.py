"""Take out each guard in turn: ``python -m tests.mutants [--list] [--only NAME] [--jobs 2]``.

With ``--bugs`` each fix of the track record instead; with ``--page`` its page is written. Exit 1
when the tests of a guard pass without it, fail with it, or could not be run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from . import page
from .bugs import Bug, read_bugs
from .guards import Guard, read_guards
from .trial import Trial


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--bugs", action="store_true", help="the fixes of the track record")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--jobs", type=int, default=2)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    what.add_argument("--page", action="store_true", help="write the page, and run nothing")
    return parser.parse_args()


def main() -> int:
    """Prove the guards that are asked for, and print a line for each."""
    asked = arguments()
    if asked.page:
        page.PLACE.write_text(page.page(read_bugs()), encoding="utf-8")
        return 0
    table: Sequence[Bug | Guard] = read_bugs() if asked.bugs else read_guards()
    chosen = [one for one in table if not asked.only or one.name in asked.only]
    if asked.list:
        for one in chosen:
            print(f"{one.name:36} {one.was if isinstance(one, Bug) else one.protects}")
        return 0
    problems = [f"{one.name}: {one.problem()}" for one in chosen if one.problem()]
    if problems or not chosen:
        print("\n".join(problems or ["nothing has that name"]))
        return 1
    guards = [one.guard if isinstance(one, Bug) else one for one in chosen]
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        trials = [Trial.made(Path(place) / str(number)) for number in range(asked.jobs)]
        return prove([guard for guard in guards if guard is not None], trials)


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
