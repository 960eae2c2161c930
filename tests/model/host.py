"""One host of the model: its services, its data, and the drivers' acts as small as can be told.

What decides is the core: the journal and its fence, the start guard, the links, the ways back. What
is told here is only what a driver does between two entries.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from stagegate import conduct, reopening
from stagegate.errors import Fenced, StepFailed
from stagegate.files import switch_link
from stagegate.history import WayBack
from stagegate.journal import Journal, Run, open_journal
from stagegate.ledger import read_ledger
from stagegate.service.guard import guard_stands, lift_guard, raise_guard
from stagegate.service.hold import found_before, started_since
from stagegate.store.steps import entries_of, last_state, needed_state

from .disk import Directory, File, Link
from .system import Current, Machine, Place, Process, running

STATE = "/state/demo"
DATA, CODE = "/srv/data", "/srv/code"
OLDER, OLD, NEW = "0.9", "1.0", "1.1"
FIRST = "gen-0"


class Violation(Exception):
    """What must never be seen was seen."""


@dataclass(frozen=True)
class Context:
    """What a controller says of its run with every call, as ``stagegate_run`` does."""

    id: str
    epoch: int = 0
    exclusive: bool = False
    plan: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One module on one host; ``who`` is the controller that sent it."""

    host: str
    act: str
    run: Context
    who: str
    told: dict[str, Any] = field(default_factory=dict)


@dataclass
class Host:
    """A machine with one service, one store and a door, and what its users were promised."""

    name: str
    chance: Random
    machine: Machine = None  # type: ignore[assignment]
    serves: tuple[str, str] | None = (OLD, FIRST)
    door: bool = True
    doors: str = "none"
    rows: dict[str, set[int]] = field(default_factory=lambda: {FIRST: set()})
    schemas: dict[str, str] = field(default_factory=lambda: {FIRST: OLD})
    promised: set[int] = field(default_factory=set)
    given_up: set[int] = field(default_factory=set)
    bad_release: bool = False
    acting: dict[int, str] = field(default_factory=dict)
    migrates: bool = True
    in_place: bool = False
    compatible: bool = True

    def __post_init__(self) -> None:
        self.machine = Machine(self.name, self.chance)
        disk = self.machine.disk
        for place in ("/state", STATE, "/srv", DATA, CODE):
            disk.add(place, Directory(mode=0o711))
        disk.add(f"{DATA}/current", Link(FIRST))
        disk.add(f"{CODE}/current", Link(OLD))

    def keep(self, files: dict[str, bytes]) -> None:
        """Put files that were there before into the state directory, all durable."""
        disk = self.machine.disk
        for name, data in files.items():
            disk.add(f"{STATE}/{name}", File(data, data))
        for place in ("/", "/state", STATE, "/srv", DATA, CODE):
            node = disk.root if place == "/" else disk.need(place)
            assert isinstance(node, Directory)
            node.sync()

    def run_of(self, told: Context) -> Run:
        """The run context as a module reads it."""
        return Run(told.id, told.epoch, "demo", self.name, Place(STATE), told.exclusive)  # type: ignore[arg-type]

    def do(self, call: Call) -> Any:
        """Do one call, as the process at work."""
        act = getattr(self, f"do_{call.act}")
        return act(self.run_of(call.run), call)

    # The ledger's own actions: the core's, one to one.

    def do_observe(self, run: Run, call: Call) -> dict[str, Any]:
        return conduct.observe_host(run, bool(call.told.get("expect_free")))

    def do_open(self, run: Run, call: Call) -> Context:
        resume, plan = bool(call.told.get("resume")), call.run.plan
        epoch = conduct.open_run(run, plan, call.told["owner"], resume)
        return Context(run.id, epoch, epoch > 0, plan)

    def do_reopen(self, run: Run, call: Call) -> tuple[Context, WayBack]:
        told = call.told
        held, way = reopening.reopen_run(run, told["owner"], False, told["together"], told["begun"])
        return Context(held.id, held.epoch, held.exclusive, call.run.plan), WayBack(**way)

    def do_close(self, run: Run, call: Call) -> list[dict[str, Any]]:
        return conduct.close_run(run, call.told["verdict"], {})

    # Forward.

    def do_stage(self, run: Run, call: Call) -> None:
        with open_journal(run) as journal, journal.step("release", "stage") as step:
            step.done(state={"version": NEW})

    def do_hold(self, run: Run, call: Call) -> None:
        phase = call.told.get("phase", "quiesce")
        with open_journal(run) as journal:
            changed = not started_since(journal, phase)
            was = self.remember_found(journal, phase)
            with journal.step(phase, "hold") as step:
                if changed:
                    self.hold_now(run)
                step.done(state={"was": was})

    def remember_found(self, journal: Journal, phase: str) -> dict[str, Any]:
        was = found_before(journal)
        if was is None:
            was = {"app": {"active": self.serves is not None}}
            journal.note(phase, "hold", state={"was": was})
        return was

    def hold_now(self, run: Run) -> None:
        self.judge_actor(run)
        self.door = False
        raise_guard(run)
        Current.process.enter()
        self.serves = None

    def do_migrate(self, run: Run, call: Call) -> None:
        """Stage, apply and seal, in one process as far as the model is concerned."""
        target = f"gen-{run.id}"
        with open_journal(run) as journal:
            with journal.step("migrate", "stage:db") as step:
                live = self.link(DATA)
                if step.earlier is not None and target in self.rows:
                    old = dict(step.earlier.state)
                else:
                    if live == target and not self.in_place:
                        raise StepFailed("the link leads there already")
                    old = {"old_target": live}
                    self.judge_actor(run)
                    if not self.in_place:
                        self.rows[target] = set(self.rows[live])
                        self.schemas[target] = self.schemas[live]
                step.done(state=old)
            with journal.step("migrate", "apply:db") as step:
                self.judge_actor(run)
                self.schemas[live if self.in_place else target] = NEW
                step.done()
            with journal.step("migrate", "seal:db") as step:
                step.done(state={"target": target})

    def do_activate_data(self, run: Run, call: Call) -> None:
        with open_journal(run) as journal, journal.step("restart", "activate:db") as step:
            staged = needed_state(journal, "stage", "db")
            sealed = needed_state(journal, "seal", "db")
            self.need_guard(run)
            live = self.link(DATA)
            if not self.in_place and live != sealed["target"]:
                if live != staged["old_target"]:
                    raise StepFailed(f"the link leads to {live}")
                self.switch(run, DATA, sealed["target"])
            step.done(state=staged)

    def do_activate_code(self, run: Run, call: Call) -> None:
        with open_journal(run) as journal:
            known = [e for e in entries_of(journal, "activate_release") if "old" in e.state]
            old = known[0].state["old"] if known else self.link(CODE)
            state = {"old": old, "new": NEW}
            journal.note("restart", "activate_release", state=state)
            with journal.step("restart", "activate_release") as step:
                self.need_guard(run)
                self.switch(run, CODE, NEW)
                step.done(state=state)

    def do_start(self, run: Run, call: Call) -> None:
        phase, version = call.told.get("phase", "restart"), call.told["version"]
        with open_journal(run) as journal, journal.step(phase, "start") as step:
            self.judge_actor(run)
            was = found_before(journal) or {"app": {"active": True}}
            lift_guard(run)
            if phase != "rollback" or was["app"]["active"]:
                self.start(run)
                if self.serves is None or self.serves[0] != version:
                    raise StepFailed(f"{self.serves} is not {version}")
            step.done()

    def do_smoke(self, run: Run, call: Call) -> None:
        version, phase = call.told["version"], call.told.get("phase", "smoke")
        well = self.serves is not None and self.serves[0] == version
        well = well and not (self.bad_release and version == NEW)
        outcome = {"tests": 1, "passed": int(well), "failures": []}
        conduct.judge_smoke(run, phase, outcome, 1)

    def do_admit(self, run: Run, call: Call) -> None:
        phase = call.told.get("phase", "admit")
        with open_journal(run) as journal, journal.step(phase, "open") as step:
            if phase == "admit" and self.serves is None:
                raise StepFailed("the service is not the process that was started")
            self.judge_actor(run)
            self.door = True
            step.done()

    # Back.

    def do_back_data(self, run: Run, call: Call) -> None:
        way: WayBack = call.told["way"]
        with open_journal(run) as journal:
            if way.count:
                self.count_delta(journal)
            if way.revert:
                with journal.step("rollback", "revert:db") as step:
                    self.judge_actor(run)
                    self.schemas[self.link(DATA)] = OLD
                    step.done()
            if way.data:
                with journal.step("rollback", "restore:db") as step:
                    self.put_back(journal, way, call.told.get("accept"))
                    step.done()

    def count_delta(self, journal: Journal) -> None:
        with journal.step("rollback", "delta:db") as step:
            staged = last_state(journal, "stage:db")
            old = self.rows.get(str((staged or {}).get("old_target")), set())
            step.done(state={"lost": len(self.rows[self.link(DATA)] - old)})

    def put_back(self, journal: Journal, way: WayBack, accept: int | None) -> None:
        """The plain driver's restore: a flip of the link, and never a loss unasked."""
        if not entries_of(journal, "stage:db"):
            return
        staged = last_state(journal, "stage:db")
        live, mine = self.link(DATA), f"gen-{journal.run.id}"
        if self.in_place:
            return
        if not entries_of(journal, "activate:db"):
            if live == mine:
                raise Fenced("the link leads to it, though it was never activated")
            return
        self.need_guard(journal.run)
        if staged is None or live not in (staged["old_target"], mine):
            raise Fenced(f"the link leads to {live}")
        if live != mine:
            return
        if way.count:
            lost = self.rows[mine] - self.rows[staged["old_target"]]
            if lost and accept != len(lost):
                raise Fenced(f"{len(lost)} rows would be lost")
            self.given_up |= lost
        self.switch(journal.run, DATA, staged["old_target"])

    def do_back_code(self, run: Run, call: Call) -> None:
        with open_journal(run) as journal:
            known = [e for e in entries_of(journal, "activate_release") if "old" in e.state]
            if not known:
                return
            with journal.step("rollback", "restore_release") as step:
                self.need_guard(run)
                self.switch(run, CODE, known[0].state["old"])
                step.done()

    def do_fence(self, run: Run, call: Call) -> None:
        with open_journal(run) as journal:
            self.remember_found(journal, "rollback")
            with journal.step("rollback", "fence") as step:
                self.hold_now(run)
                step.done(state={"fenced": True})

    # What the host itself does, and what is asked of it.

    def link(self, place: str) -> str:
        """Where a live link leads."""
        return str(Place(f"{place}/current").readlink())

    def switch(self, run: Run, place: str, target: str) -> None:
        """Point a live link elsewhere."""
        self.judge_actor(run)
        if self.serves is not None:
            raise Violation(f"G: {self.name} switches {place} while {self.serves} runs")
        if self.link(place) != target:
            switch_link(Place(f"{place}/current"), target)  # type: ignore[arg-type]

    def need_guard(self, run: Run) -> None:
        if not guard_stands(run):
            raise StepFailed("the start guard is missing")

    def start(self, run: Run) -> None:
        """What the service manager does: nothing behind a guard."""
        if not guard_stands(run) and self.serves is None:
            self.serves = (self.link(CODE), self.link(DATA))

    def judge_actor(self, run: Run) -> None:
        """K: only the holder of the highest epoch acts, and one controller by each epoch."""
        node = self.machine.disk.find(f"{STATE}/epoch")
        stored = int(node.data) if isinstance(node, File) else 0
        if not run.exclusive:
            raise Violation(f"K: {self.name} is changed by {run.id}, which holds nothing")
        if run.epoch != stored:
            raise Violation(f"K: epoch {run.epoch} acts on {self.name}, which is at {stored}")
        who = Current.process.who
        if self.acting.setdefault(run.epoch, who) != who:
            other = self.acting[run.epoch]
            raise Violation(f"K: {who} and {other} act on {self.name} by one epoch")

    def revive(self) -> None:
        """Boot, and let the service manager start what it may."""
        if not self.machine.up:
            self.machine.boot_up()
        with running(Process(self.machine, "manager")):
            self.start(self.run_of(Context("manager")))

    def cut_power(self) -> None:
        self.machine.cut_power()
        self.serves = None

    def write(self, row: int) -> bool:
        """A user writes; true when the write was acknowledged."""
        if self.serves is None or not (self.door or self.doors == "none"):
            return False
        self.rows[self.serves[1]].add(row)
        self.promised.add(row)
        return True

    def ledger(self) -> Any:
        """The host's ledger, read by nobody of the story."""
        with running(Process(self.machine, "inspector")):
            return read_ledger(Place(f"{STATE}/ledger.jsonl"))  # type: ignore[arg-type]

    def as_dicts(self) -> list[dict[str, Any]]:
        return [dict(vars(entry)) for entry in self.ledger().entries]
