"""One case: a fault at a point of a run, the way on, and what must be true at each stop."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from stagegate.errors import StagegateError
from stagegate.history import last_change, live_release, unfinished
from tests.scenario.invariants import Seen, violations, violations_at_the_end
from tests.torture.checkout import code
from tests.torture.command import Command
from tests.torture.overlay import Order, arm
from tests.torture.points import Point
from tests.torture.world import World

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
HELD_WITHIN = 600.0
NEXT = re.compile(r"ansible-playbook (\S+\.yml)((?: -[ietl] [^\s,]+)*)")
WRITES_BETWEEN = 3


@dataclass(frozen=True)
class Case:
    """A fault at a point of a command, the way on, and perhaps a second fault on that way.

    ``run`` is deploy (a good release), roll_back (the good one put back on request) or red (the
    same, taken back by itself because its smoke tests fail, and hit on its way back).
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
    """How a case went: ``reached`` is false when the run never came to the point.

    ``ended`` is the release that is live in the end, or how the run ended without the point;
    ``code`` names what was played.
    """

    case: str
    reached: bool
    seconds: float
    violations: tuple[str, ...]
    ended: str = ""
    date: str = ""
    code: str = ""


class Player:
    """Plays one case in a local world; everything it did stays below ``scratch``."""

    def __init__(self, world: World, case: Case, scratch: Path) -> None:
        self.world = world
        self.case = case
        self.scratch = scratch
        self.found: list[str] = []
        self.commands = 0
        self.cuts: list[float] = []
        self.release = ""

    def play(self) -> Result:
        """Play the case to its end."""
        began = time.monotonic()
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True)
        self.world.go_back("second" if self.case.run == "roll_back" else "first")
        reached = False
        load = self.world.writing(self.scratch)
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
                load.log = promised(load.log, self.cuts, self.world.system.forgets)
                self.found += [f"A {line}" for line in load.lost().splitlines()[:5]]
        except (StagegateError, TimeoutError, AssertionError, subprocess.TimeoutExpired) as error:
            self.found.append(f"R {type(error).__name__}: {error}")
        took = round(time.monotonic() - began, 1)
        today = datetime.now(timezone.utc).date().isoformat()
        found = tuple(self.found)
        return Result(self.case.name, reached, took, found, self.release, today, code())

    def first_command(self) -> tuple[str, ...]:
        """What the operator typed."""
        if self.case.run == "roll_back":
            return ("playbooks/rollback.yml",)
        return ("deploy.yml", "-e", f"release_version={self.world.system.good[1]}")

    def start(self, words: tuple[str, ...], orders: Sequence[Order] = ()) -> Command:
        """Start a command, with failpoints or none."""
        self.commands += 1
        place = self.scratch / f"command-{self.commands}"
        environment = arm(self.scratch / f"failpoint-{self.commands}", orders) if orders else {}
        return self.world.start(place, words, environment)

    def hit(self, words: tuple[str, ...], fault: str, point: Point) -> bool:
        """Run a command into a fault, until nobody is at work; tell whether it was at the point."""
        counters = self.world.counters(point)
        for place in {counters, self.world.counters(self.world.red)}:
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
        acts = {"kill_step": "kill", "error_once": "error", "error_always": "error"}
        times = 0 if fault == "error_always" else 1
        order = Order(point, acts.get(fault, "hold"), self.world.place(point), times)
        red = [order_to_be_red(self.world)] if self.case.run == "red" and not self.commands else []
        command = self.start(words, [order, *red])
        held = False
        if order.act == "hold":
            self.wait_until_held(command, counters / "held")
            held = (counters / "held").exists()
            if held:
                self.inject(fault, command, point)
        command.wait()
        self.world.wait_until_idle()
        reached = held or (counters / "reached").exists()  # a power cut takes the mark with it
        self.release = "" if reached else f"{command.verdict() or 'no record'}, without the point"
        shutil.rmtree(counters, ignore_errors=True)
        shutil.rmtree(self.world.counters(self.world.red), ignore_errors=True)
        return reached

    def wait_until_held(self, command: Command, held: Path) -> None:
        """Return once the step stands at the point, or the command has ended without it."""
        end = time.monotonic() + HELD_WITHIN
        while not held.exists() and not command.is_over():
            if time.monotonic() > end:
                raise TimeoutError(f"neither the point nor the end within {HELD_WITHIN:g} s")
            time.sleep(0.02)

    def inject(self, fault: str, command: Command, point: Point) -> None:
        """Do to a held run what the case says, and let what is left of it go on."""
        go = self.world.counters(point) / "go"
        if fault == "cut_power":
            self.cuts.append(time.time())
            self.world.lose_host(command, point)
        elif fault == "interrupt_twice":
            command.interrupt_twice()
            go.write_text("on", encoding="ascii")
        else:
            command.kill()
            go.write_text("die" if fault == "kill_controller_and_step" else "on", encoding="ascii")

    def look(self, moment: str) -> None:
        """Keep what is wrong at a moment at which nobody is at work."""
        found = [words for host in self.world.seen() for words in violations(host)]
        self.found += [f"{words} ({moment})" for words in found]

    def go_on(self) -> None:
        """Bring the run to an end, in the way of the case; a second fault may come between."""
        words = self.way_on(self.case.way_on)
        if self.case.second and words:
            point = Point("before", host=self.case.point.host, nth=self.case.second_at)
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
        hosts = self.world.seen()
        return not any(unfinished(h.entries) or h.owner or h.guarded for h in hosts)

    def way_on(self, way: str) -> tuple[str, ...]:
        """The command that goes on; none when the run has ended by itself."""
        if self.ended():
            return ()
        if way == "roll_back":
            return ("playbooks/rollback.yml",)
        if way == "resume" and self.case.run == "deploy":
            held = [host.owner["run"] for host in self.world.seen() if host.owner]
            return (*self.first_command(), *(("-e", f"resume={held[0]}") if held else ()))
        return self.first_command()

    def look_at_the_end(self) -> None:
        """Keep what is wrong once the run is over."""
        hosts = self.world.seen()
        for host in hosts:
            self.found += violations_at_the_end(host, self.world.serving(host))
        released = {live_release(last_change(host.entries)) for host in hosts}
        if len(released) > 1:
            self.found.append(f"W the hosts ended with different releases: {sorted(released)}")
        self.release = max(released)

    def ask_once_more(self) -> None:
        """The same command once more: it succeeds and changes nothing."""
        before = self.world.seen()
        good = ("deploy.yml", "-e", f"release_version={self.release}")
        words = ("playbooks/rollback.yml",) if went_back(before[0]) else good
        command = self.start(words)
        status = command.wait()
        self.world.wait_until_idle()
        after = self.world.seen()
        acted = [
            entry
            for old, new in zip(before, after, strict=True)
            for entry in new.entries[len(old.entries) :]
            if entry.kind == "intent"
        ]
        if status != 0:
            self.found.append(f"R the same once more ended with {status}: {command.said()[-600:]}")
        if acted:
            steps = ", ".join(f"{e.phase}.{e.step}" for e in acted)
            self.found.append(f"R the same once more did {steps}")
        if [(h.release, h.data) for h in after] != [(h.release, h.data) for h in before]:
            self.found.append("R the same once more switched code or data")


def went_back(seen: Seen) -> bool:
    """Tell whether the last run on a host ended by going back."""
    last = last_change(seen.entries)
    return last is not None and last.verdict == "restored"


def order_to_be_red(world: World) -> Order:
    """What makes a good release red: the outcome of its smoke tests cannot be written down."""
    return Order(world.red, "error", world.place(world.red), name="made_red")


def promised(log: Path, cuts: list[float], forgets: float) -> Path:
    """The acknowledged writes that must be there: all but those that the store may forget."""
    if not (cuts and forgets):
        return log
    kept = log.with_name("promised.jsonl")
    with kept.open("w", encoding="utf-8") as file:
        for line in log.read_text(encoding="utf-8").splitlines(keepends=True):
            at = datetime.fromisoformat(json.loads(line)["time"]).timestamp()
            if not any(cut - forgets <= at <= cut for cut in cuts):
                file.write(line)
    return kept


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
