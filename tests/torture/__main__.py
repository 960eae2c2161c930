"""python -m tests.torture: play cases until the time is up, and tell what was found."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor

from tests.lab import LabError
from tests.torture.case import Case, Result
from tests.torture.fleet import FleetWorld
from tests.torture.local import LocalWorld
from tests.torture.sweep import Covered, cases, is_prepared, known_points, prepare, sweep
from tests.torture.systems import LOCAL, SPARKLE
from tests.torture.world import PLACE, World


def ready(name: str, fresh: bool) -> World:
    """The world of a system, made and known."""
    world: World = LocalWorld(LOCAL[name]) if name in LOCAL else FleetWorld()
    if fresh or not is_prepared(world):
        world.make()
        prepare(world, world.directory / "prepare")
    return world


def told(result: Result) -> str:
    """One line of a result, and what is wrong with it."""
    state = "VIOLATED" if result.violations else "held" if result.reached else "not reached"
    lines = [f"{state:<12}{result.seconds:6.1f} s  {result.case}  -> {result.ended or '-'}"]
    return "\n".join([*lines, *(f"    {words}" for words in result.violations)])


def play_system(name: str, options: argparse.Namespace, results: list[Result]) -> None:
    """Play one system's cases until the time is up."""
    covered = Covered(PLACE / f"covered-{name}-{options.seed}.jsonl")
    if options.fresh:
        covered.forget()
    world = ready(name, options.fresh)
    wanted = cases(name, known_points(world), options.seed)
    until = time.monotonic() + options.seconds
    try:
        for result in sweep(world, chosen(wanted, options.only), covered, until):
            results.append(result)
            print(told(result), flush=True)
    finally:
        world.rest()


def chosen(wanted: list[Case], only: str) -> list[Case]:
    """The cases whose name has this in it."""
    return [case for case in wanted if only in case.name]


def table(results: list[Result]) -> str:
    """Counts by run and fault, and by the phases of the points that were hit."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for result in results:
        system, run, fault, point = result.case.split("/")[:4]
        phases = counts.setdefault((f"{system} {run}", fault), Counter())
        phases[point.partition(".")[0]] += 1
    lines = [
        f"{run:<20}{fault:<26}{phases.total():>4}  "
        + ", ".join(f"{phase} {count}" for phase, count in sorted(phases.items()))
        for (run, fault), phases in sorted(counts.items())
    ]
    reached = sum(result.reached for result in results)
    points = len({"/".join(r.case.split("/")[:2] + r.case.split("/")[3:4]) for r in results})
    violated = [r for r in results if r.violations]
    lost = sum(words.startswith("A ") for r in results for words in r.violations)
    return "\n".join(
        [
            *lines,
            f"{len(results)} cases at {points} points, {reached} of them reached",
            f"violations: {len(violated)}  lost acknowledged writes: {lost}",
        ]
    )


def main() -> int:
    """Play; the exit status is 0 when nothing was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1800.0, help="without making the worlds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--systems", default=",".join((*LOCAL, SPARKLE.name)))
    parser.add_argument("--only", default="", help="only cases whose name has this in it")
    parser.add_argument("--fresh", action="store_true", help="make the worlds and the list anew")
    options = parser.parse_args()
    results: list[Result] = []
    with ThreadPoolExecutor() as pool:
        names = options.systems.split(",")
        playing = {name: pool.submit(play_system, name, options, results) for name in names}
    print(table(results))
    stopped = {name: error for name, played in playing.items() if (error := stop_of(played))}
    for name, error in stopped.items():
        print(f"{name} was not played to the end of the time: {error}", file=sys.stderr)
    violated = any(result.violations for result in results)
    return 1 if violated or stopped or not results else 0


def stop_of(played: Future[None]) -> LabError | None:
    """What a system's world could not do; None when nothing."""
    try:
        played.result()
    except LabError as error:
        return error
    return None


if __name__ == "__main__":
    sys.exit(main())
