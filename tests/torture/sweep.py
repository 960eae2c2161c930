"""All cases of a system, in the order that a seed gives them, and which of them were covered."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from tests.torture.case import FAULTS, WAYS_ON, Case, Player, Result, order_to_be_red
from tests.torture.checkout import checkout, code
from tests.torture.command import Command
from tests.torture.overlay import arm
from tests.torture.points import Point, points_of
from tests.torture.systems import LOCAL, SPARKLE
from tests.torture.world import PLACE, World

Group = tuple[str, str, str]
TURNS = (*LOCAL, SPARKLE.name)
RUNS = ("deploy", "roll_back", "red")
SECOND_OF = 4
"""Every so many cases a second fault hits the way on."""
ENTRIES_OF_A_WAY_ON = 20


def prepare(world: World, scratch: Path) -> None:
    """Make the moments that cases begin at, and learn each run's points where nothing fails.

    The world is empty.
    """
    first, second = world.system.good
    well(world.start(scratch / "first", deploy(first)), "deployed")
    world.save("first")
    points = {"deploy": learn(world, scratch / "second", "deployed", deploy(second))}
    world.save("second")
    back = ("playbooks/rollback.yml",)
    points["roll_back"] = learn(world, scratch / "back", "restored", back)
    world.go_back("first")
    counters = world.counters(world.red)
    counters.mkdir(parents=True, exist_ok=True)
    made_red = arm(scratch / "failpoint", [order_to_be_red(world)])
    red = learn(world, scratch / "red", "restored", deploy(second), made_red)
    points["red"] = [p for p in red if p.phase in ("rollback", "report")]
    written = {run: [asdict(point) for point in found] for run, found in points.items()}
    told = {"made_with": checkout(), "points": written}
    (world.directory / "points.json").write_text(json.dumps(told), encoding="utf-8")


def is_prepared(world: World) -> bool:
    """Tell whether this checkout made the moments that cases begin at, and they are there."""
    place = world.directory / "points.json"
    if not place.exists():
        return False
    made_with = json.loads(place.read_text(encoding="utf-8")).get("made_with")
    return made_with == checkout() and world.is_whole()


def deploy(release: str) -> tuple[str, ...]:
    """The command that deploys a release."""
    return ("deploy.yml", "-e", f"release_version={release}")


def learn(
    world: World,
    place: Path,
    verdict: str,
    words: tuple[str, ...],
    environment: Mapping[str, str] | None = None,
) -> list[Point]:
    """The points of a run, which ends as it must."""
    before = {host.name: len(host.entries) for host in world.seen()}
    well(world.start(place, words, environment), verdict)
    hosts = world.seen()
    entries = [entry for host in hosts for entry in host.entries[before[host.name] :]]
    return points_of(entries, hosts=len(hosts) > 1)


def well(command: Command, verdict: str) -> None:
    """See that a command without any fault ends as it must."""
    command.wait()
    if command.verdict() != verdict:
        raise AssertionError(f"not {verdict}, but {command.verdict()!r}: {command.said()[-2000:]}")


def known_points(world: World) -> dict[str, list[Point]]:
    """The points that `prepare` learned."""
    told = json.loads((world.directory / "points.json").read_text(encoding="utf-8"))
    return {run: [Point(**point) for point in found] for run, found in told["points"].items()}


def cases(system: str, points: dict[str, list[Point]], seed: int) -> list[Case]:
    """Every case once, in the order of the seed; some get a second fault from it.

    Each fault comes once in each phase before any comes twice, and what one system begins with is
    another's last.
    """
    chosen = random.Random(f"{seed}/{system}")
    found = [
        Case(system, run, fault, point, way_on)
        for run in RUNS
        for point in points[run]
        for fault in FAULTS
        for way_on in (WAYS_ON if run == "deploy" else WAYS_ON[::2])
    ]
    chosen.shuffle(found)
    ranks = shuffled_groups(found, seed)
    turn = TURNS.index(system)
    rounds: Counter[Group] = Counter()
    first: list[tuple[int, int, int, Case]] = []
    for case in found:
        rank, group = ranks[group_of(case)], group_of(case)
        first.append((rounds[group], (rank - turn) % len(TURNS), rank, case))
        rounds[group] += 1
    ordered = [case for *_, case in sorted(first, key=lambda item: item[:3])]
    return [
        with_second(case, chosen) if number % SECOND_OF == SECOND_OF - 1 else case
        for number, case in enumerate(ordered)
    ]


def group_of(case: Case) -> Group:
    """What is to come once before anything comes twice: a fault in a phase of a run."""
    return case.run, case.fault, case.point.phase


def shuffled_groups(found: list[Case], seed: int) -> dict[Group, int]:
    """The place of each group in the order of the seed, the same for all systems."""
    groups = sorted({group_of(case) for case in found})
    random.Random(seed).shuffle(groups)
    return {group: place for place, group in enumerate(groups)}


def with_second(case: Case, chosen: random.Random) -> Case:
    """The case with a second fault on the way on."""
    told = asdict(case) | {"point": case.point}
    told |= {"second": chosen.choice(FAULTS), "second_at": chosen.randint(1, ENTRIES_OF_A_WAY_ON)}
    return Case(**told)


def covered_by_all() -> list[Result]:
    """Every result of every system and seed that is kept here."""
    return [r for place in sorted(PLACE.glob("covered-*.jsonl")) for r in Covered(place).results()]


class Covered:
    """The results of a seed so far, a line each: a sweep that was stopped goes on where it was."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.place.parent.mkdir(parents=True, exist_ok=True)

    def results(self) -> list[Result]:
        """The newest result of each case so far."""
        if not self.place.exists():
            return []
        lines = self.place.read_text(encoding="utf-8").splitlines()
        read = [json.loads(line) for line in lines]
        results = [Result(**{**told, "violations": tuple(told["violations"])}) for told in read]
        return list({result.case: result for result in results}.values())

    def held(self) -> set[str]:
        """The cases that this code played without a violation: they are not played again."""
        return {r.case for r in self.results() if r.code == code() and not r.violations}

    def forget(self) -> None:
        """Begin anew."""
        self.place.unlink(missing_ok=True)

    def add(self, result: Result) -> None:
        """Keep one more."""
        with self.place.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(result)) + "\n")


def sweep(world: World, wanted: list[Case], covered: Covered, until: float) -> Iterator[Result]:
    """Play what is not covered yet, until the time (monotonic seconds) is up."""
    known = covered.held()
    for case in wanted:
        if time.monotonic() > until:
            return
        if case.name in known:
            continue
        result = Player(world, case, world.directory / "case").play()
        if result.violations:
            kept = world.directory / "violations" / case.name.replace("/", "_")
            kept.parent.mkdir(exist_ok=True)
            shutil.rmtree(kept, ignore_errors=True)
            (world.directory / "case").rename(kept)
        covered.add(result)
        yield result
