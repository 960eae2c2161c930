"""One case: a fault at a point of a run, the way on, and what must be true at each stop."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from stagegate.conduct import live_release
from stagegate.errors import StagegateError
from stagegate.history import last_change, unfinished
from tests.scenario.invariants import Seen, last_run, violations, violations_at_the_end
from tests.scenario.load import Load
from tests.torture.look import look_at
from tests.torture.overlay import Order, arm
from tests.torture.points import Point
from tests.torture.world import ROOT, Command, World

FAULTS = (
    "kill_controller",
    "kill_controller_and_step",
    "interrupt_twice",
    "kill_step",
    "cut_power",
    "error_once",
    "error_always",
)
WAYS_ON = ("as_told", "resume", "roll_back")
TRIES = 5
HELD_WITHIN = 200.0
NEXT = re.compile(r"ansible-playbook (\S+\.yml)((?: -[ietl] [^\s,]+)*)")
WRITES_BETWEEN = 3


@dataclass(frozen=True)
class Case:
    """A fault at a point of a command, the way on, and perhaps a second fault on that way.

    ``run`` is deploy (a good release), roll_back (the good one put back on request) or red (a bad
    release, found after it served, whose rollback is hit).
    """

    system: str
    run: str
    fault: str
    point: Point
    way_on: str
    second: str = ""
    second_at: int = 0

    @property
    def name(self) -> str:
        """The case in one word, by which it is asked for again."""
        again = f"/{self.second}-{self.second_at}" if self.second else ""
        return f"{self.system}/{self.run}/{self.fault}/{self.point}/{self.way_on}{again}"


@dataclass(frozen=True)
class Result:
    """How a case went: ``reached`` is false when the run never came to the point."""

    case: str
    reached: bool
    seconds: float
    violations: tuple[str, ...]
    ended: str = ""


class Player:
    """Plays one case in a local world; everything it did stays below ``scratch``."""

    def __init__(self, world: World, case: Case, scratch: Path) -> None:
        self.world = world
        self.case = case
        self.scratch = scratch
        self.found: list[str] = []
        self.commands = 0
        self.release = ""

    def play(self) -> Result:
        """Play the case to its end."""
        began = time.monotonic()
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True)
        self.world.go_back("first" if self.case.run == "deploy" else "second")
        reached = False
        load = Load(self.world.url, self.scratch / "acknowledged.jsonl", self.tools)
        try:
            with load:
                load.wait_for(WRITES_BETWEEN)
                reached = self.hit(self.first_command(), self.case.fault, self.case.point)
                self.look("after the fault")
                if reached:
                    self.go_on()
                    self.look_at_the_end()
                    load.wait_for(WRITES_BETWEEN)
            if reached:
                self.ask_once_more()
                lost = load.lost()
                self.found += [f"A {line}" for line in lost.splitlines()[:5]]
        except (StagegateError, TimeoutError, AssertionError, subprocess.TimeoutExpired) as error:
            self.found.append(f"R {type(error).__name__}: {error}")
        took = round(time.monotonic() - began, 1)
        return Result(self.case.name, reached, took, tuple(self.found), self.release)

    @property
    def tools(self) -> Path:
        """The writer and the checker of the system."""
        return ROOT / "examples" / self.world.system.name / "tools"

    def first_command(self) -> tuple[str, ...]:
        """What the operator typed."""
        if self.case.run == "roll_back":
            return ("playbooks/rollback.yml",)
        system = self.world.system
        wanted = system.good[1] if self.case.run == "deploy" else system.bad
        return ("deploy.yml", "-e", f"release_version={wanted}")

    def start(self, words: tuple[str, ...], order: Order | None = None) -> Command:
        """Start a command, with a failpoint or none."""
        self.commands += 1
        place = self.scratch / f"command-{self.commands}"
        environment = arm(self.scratch / f"failpoint-{self.commands}", order) if order else {}
        return self.world.start(place, *words, environment=environment)

    def hit(self, words: tuple[str, ...], fault: str, point: Point) -> bool:
        """Run a command into a fault, until nobody is at work; tell whether it was at the point."""
        counters = self.world.counters
        shutil.rmtree(counters, ignore_errors=True)
        counters.mkdir(parents=True)
        acts = {"kill_step": "kill", "error_once": "error", "error_always": "error"}
        times = 0 if fault == "error_always" else 1
        order = Order(point, acts.get(fault, "hold"), str(counters), times)
        command = self.start(words, order)
        if order.act == "hold":
            self.wait_until_held(command)
            if (counters / "held").exists():
                self.inject(fault, command)
        if fault != "cut_power" or not (counters / "held").exists():
            command.wait()
            self.world.wait_until_idle()
        reached = (counters / "reached").exists()
        shutil.rmtree(counters)
        return reached

    def wait_until_held(self, command: Command) -> None:
        """Return once the step stands at the point, or the command has ended without it."""
        end = time.monotonic() + HELD_WITHIN
        while not (self.world.counters / "held").exists() and not command.is_over():
            if time.monotonic() > end:
                raise TimeoutError(f"neither the point nor the end within {HELD_WITHIN:g} s")
            time.sleep(0.02)

    def inject(self, fault: str, command: Command) -> None:
        """Do to a held run what the case says, and let what is left of it go on."""
        go = self.world.counters / "go"
        if fault == "cut_power":
            self.world.cut_power()
            command.wait()
            self.world.boot()
        elif fault == "interrupt_twice":
            command.interrupt_twice()
            go.write_text("on", encoding="ascii")
        else:
            command.kill()
            go.write_text("die" if fault == "kill_controller_and_step" else "on", encoding="ascii")

    def seen(self) -> Seen:
        """What is true now."""
        return look_at(self.world)

    def look(self, moment: str) -> None:
        """Keep what is wrong at a moment at which nobody is at work."""
        self.found += [f"{words} ({moment})" for words in violations(self.seen())]

    def go_on(self) -> None:
        """Bring the run to an end, in the way of the case; a second fault may come between."""
        words = self.way_on(self.case.way_on)
        if self.case.second and words:
            point = Point("before", nth=self.case.second_at)
            self.hit(words, self.case.second, point)
            self.look("after the second fault")
            words = self.way_on(self.case.way_on)
        for _ in range(TRIES):
            if not words:
                return
            command = self.start(words)
            status = command.wait()
            self.world.wait_until_idle()
            self.look("on the way")
            if self.ended():
                return
            words = told_next(command.said())
            if not words:
                raise AssertionError(
                    f"{command.artifacts.name} ended with {status} and names no next command: "
                    f"{command.said()[-600:]}"
                )
        raise AssertionError(f"no end after {TRIES} commands")

    def ended(self) -> bool:
        """Tell whether nothing is open any more."""
        seen = self.seen()
        return unfinished(seen.entries) is None and seen.owner is None and not seen.guarded

    def way_on(self, way: str) -> tuple[str, ...]:
        """The command that goes on; none when the run has ended by itself."""
        if self.ended():
            return ()
        if way == "roll_back":
            return ("playbooks/rollback.yml",)
        if way == "resume" and self.case.run == "deploy":
            left = unfinished(self.seen().entries) or last_run(self.seen().entries)
            owner = self.seen().owner or {}
            run = str(owner.get("run") or (left.id if left else ""))
            return (*self.first_command(), "-e", f"resume={run}")
        return self.first_command()

    def look_at_the_end(self) -> None:
        """Keep what is wrong once the run is over."""
        seen = self.seen()
        self.found += violations_at_the_end(seen, list(self.world.system.ports))
        self.release = live_release(last_change(seen.entries))

    def ask_once_more(self) -> None:
        """The same command once more: it succeeds and changes nothing."""
        seen = self.seen()
        good = ("deploy.yml", "-e", f"release_version={self.release}")
        words = ("playbooks/rollback.yml",) if self.went_back(seen) else good
        command = self.start(words)
        status = command.wait()
        self.world.wait_until_idle()
        after = self.seen()
        acted = [e for e in after.entries[len(seen.entries) :] if e.kind == "intent"]
        if status != 0:
            self.found.append(f"R the same once more ended with {status}: {command.said()[-600:]}")
        if acted:
            steps = ", ".join(f"{e.phase}.{e.step}" for e in acted)
            self.found.append(f"R the same once more did {steps}")
        if (after.release, after.data) != (seen.release, seen.data):
            self.found.append("R the same once more switched code or data")

    def went_back(self, seen: Seen) -> bool:
        """Tell whether the last run ended by going back."""
        last = last_change(seen.entries)
        return last is not None and last.verdict == "restored"


def told_next(said: str) -> tuple[str, ...]:
    """The command that a message names as the next one: the first after the last "next"."""
    told = said.rsplit("\n  next ", 1)
    found = NEXT.search(told[1]) if len(told) == 2 else None
    if not found:
        return ()
    options = found[2].split()
    kept = [
        word
        for option, value in zip(options[::2], options[1::2], strict=True)
        for word in (option, value)
        if option != "-i"
    ]
    return (found[1], *kept)
