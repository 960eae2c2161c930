"""One seed, one history: who speaks, what is lost, who dies, in an order that the seed chooses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from stagegate.errors import StagegateError

from .host import Call, Host
from .story import Controller, Reply, Setting, Story, deploy, roll_back
from .system import Killed, Process, running

STEPS = 300
"""Events that a history may have before its faults end."""
CONTROLLERS = 5
"""Controllers that people start in a history, up to three of them at a time."""
CALLS = 90
"""Calls of the system of a long module: within them a fault falls."""

FAULTS = ("kill", "cut", "fill", "unsynced", "first", "none")


@dataclass
class Sent:
    """A call on its way; ``waits`` is the controller that reads its reply."""

    call: Call
    waits: Actor | None


@dataclass(eq=False)
class Actor:
    """A controller at work, with the replies it waits for."""

    controller: Controller
    story: Story
    desk: str
    alive: bool = True
    asleep: int = 0
    waiting: dict[str, Reply | None] = field(default_factory=dict)
    ended: str = ""


class World:
    """The hosts, the controllers, the calls under way, and the trace of all that happened."""

    def __init__(self, seed: int, setting: Setting, files: dict[str, bytes]) -> None:
        self.chance = Random(seed)
        self.setting = setting
        self.hosts = {name: Host(name, self.chance) for name in setting.hosts}
        self.actors: list[Actor] = []
        self.sent: list[Sent] = []
        self.trace: list[str] = []
        self.rows = 0
        self.begun = 0
        self.harm = 0.35
        self.check: Callable[[Host], None] = lambda host: None
        for host in self.hosts.values():
            host.keep(files)
            host.doors = setting.doors
            host.in_place = setting.migration == "in_place"
            host.migrates = setting.migration != "none"
            host.compatible = setting.migration_class == "compatible"
            host.bad_release = self.chance.random() < 0.2

    def say(self, words: str) -> None:
        """Put an event into the trace."""
        self.trace.append(words)

    # Controllers.

    def dead(self, desk: str) -> list[str]:
        """The controllers of one machine that it knows to be gone."""
        return [a.controller.who for a in self.actors if a.desk == desk and not a.alive]

    def begin(self, kind: str, run: str, desk: str, accept: dict[str, int] | None = None) -> Actor:
        """Start a controller: deploy, resume or rollback."""
        self.begun += 1
        who = f"{desk}/{self.begun}"
        owner = {"operator": desk, "controller": desk, "controller_id": who, "started": "now"}
        controller = Controller(who, self.setting, owner, accept or {}, {}, {})
        dead = self.dead(desk)
        story = (
            roll_back(controller, run, dead)
            if kind == "rollback"
            else deploy(controller, run, dead, kind == "resume")
        )
        actor = Actor(controller, story, desk)
        self.actors.append(actor)
        self.say(f"{who} begins {kind} {run}")
        self.advance(actor, None)
        return actor

    def advance(self, actor: Actor, replies: dict[str, Reply] | None) -> None:
        """Let a controller read its replies and send the next round."""
        try:
            calls = next(actor.story) if replies is None else actor.story.send(replies)
            while not calls:
                calls = actor.story.send({})
        except StopIteration as end:
            actor.ended, actor.alive = str(end.value), False
            self.say(f"{actor.controller.who} ends: {actor.ended}")
            return
        actor.waiting = {call.host: None for call in calls}
        self.sent += [Sent(call, actor) for call in calls]

    def reply(self, sent: Sent, reply: Reply) -> None:
        """Give a reply to who waits for it; nobody waits for a repeated call."""
        actor, host = sent.waits, sent.call.host
        if actor is None or not actor.alive:
            return
        actor.waiting[host] = reply
        got = {h: r for h, r in actor.waiting.items() if r is not None}
        if len(got) == len(actor.waiting):
            actor.waiting = {}
            self.advance(actor, got)

    # Calls.

    def deliver(self, sent: Sent, harm: str = "none") -> None:
        """Do a call on its host, perhaps with a fault in the middle, and give the reply."""
        call, host = sent.call, self.hosts[sent.call.host]
        if not host.machine.up:
            self.say(f"{call.who} -> {call.host} {call.act}: unreachable")
            self.reply(sent, Reply(lost=True))
            return
        self.reply(sent, self.execute(host, call, harm))

    def execute(self, host: Host, call: Call, harm: str) -> Reply:
        """Run the module of a call as a process of its host."""
        process = Process(host.machine, call.who)
        if harm != "none":
            nth = self.chance.randint(1, CALLS)
            process.fuses[nth] = lambda: self.hurt(host, process, harm)
        place = len(self.trace)
        self.say("")
        words = "done"
        try:
            with running(process):
                reply = Reply(value=host.do(call))
        except StagegateError as error:
            reply, words = Reply(error=error), f"{type(error).__name__}: {error.what}"
        except OSError as error:
            reply, words = Reply(error=error), str(error)
        except Killed:
            reply, words = Reply(lost=True), f"killed at call {process.calls}"
        run = f"{call.run.id} epoch {call.run.epoch}"
        self.trace[place] = f"{call.who} -> {call.host} {call.act} ({run}): {words}"
        self.check(host)
        return reply

    def hurt(self, host: Host, process: Process, harm: str) -> None:
        """The fault that falls into a module."""
        self.say(f"  {harm} at call {process.calls} of it on {host.name}")
        if harm == "kill":
            process.dead = True
        elif harm == "cut":
            self.cut(host)
        elif harm == "fill":
            host.machine.full = True
        elif harm == "unsynced":
            process.sync_fails = True
        elif harm == "first":
            others = [s for s in self.sent if s.call.host == host.name]
            if others:
                other = self.chance.choice(others)
                self.sent.remove(other)
                self.deliver(other)

    def cut(self, host: Host) -> None:
        """Cut the power of a host."""
        self.say(f"the power of {host.name} is cut")
        host.cut_power()

    # Events.

    def step(self) -> None:
        """One event that the seed chooses."""
        chance = self.chance.random()
        ready = [s for s in self.sent if s.waits is None or s.waits.asleep <= 0]
        if ready and chance < 0.72:
            self.move(self.chance.choice(ready))
        elif chance < 0.77:
            self.user()
        else:
            self.chance.choice(self.EVENTS)(self)
        for actor in self.actors:
            actor.asleep -= 1

    def move(self, sent: Sent) -> None:
        """Deliver a call: whole, lost on the way, its reply lost, twice, or with a fault."""
        self.sent.remove(sent)
        if self.chance.random() > self.harm:
            self.deliver(sent)
            return
        fate = self.chance.choice(("lost", "unheard", "late", "twice", "fault", "fault", "fault"))
        if fate == "fault":
            self.deliver(sent, self.chance.choice(FAULTS))
        elif fate == "twice":
            self.sent.append(Sent(sent.call, None))
            self.deliver(sent)
        else:
            self.say(f"{sent.call.who} -> {sent.call.host} {sent.call.act}: {fate}")
            if fate == "unheard" and self.hosts[sent.call.host].machine.up:
                self.execute(self.hosts[sent.call.host], sent.call, "none")
            elif fate == "late":
                self.sent.append(Sent(sent.call, None))
            self.reply(sent, Reply(lost=True))

    def user(self) -> None:
        """A user writes to some host."""
        host = self.chance.choice(list(self.hosts.values()))
        self.rows += 1
        if host.write(self.rows):
            self.say(f"row {self.rows} is acknowledged by {host.name} on {host.serves}")

    def is_over(self) -> bool:
        """True when all controllers there may be have ended, and nothing is under way."""
        busy = any(actor.alive for actor in self.actors) or bool(self.sent)
        return self.begun >= CONTROLLERS and not busy

    def start_controller(self) -> None:
        """A person starts a controller, of whatever kind seems right to them."""
        alive = sum(a.alive for a in self.actors)
        if alive >= 3 or self.begun >= CONTROLLERS:
            return
        runs = sorted(self.open_runs())
        kinds = ["deploy", "rollback", "resume", "resume"] if runs else ["deploy", "rollback"]
        kind = self.chance.choice(kinds) if self.begun else "deploy"
        run = self.chance.choice(runs) if kind == "resume" else f"run-{self.begun + 1}"
        self.begin(kind, run, self.chance.choice(("desk-a", "desk-b")))

    def open_runs(self) -> set[str]:
        """The runs that a person would read of: those that hold a host."""
        held = [h.machine.disk.find("/state/demo/lock/owner.json") for h in self.hosts.values()]
        found = set()
        for node in held:
            data = getattr(node, "data", b"")
            found |= {part.decode() for part in data.split(b'"') if part.startswith(b"run-")}
        return found

    def kill_controller(self) -> None:
        """Kill a controller; what it sent may still arrive."""
        alive = [a for a in self.actors if a.alive]
        if alive and self.chance.random() < 0.4:
            actor = self.chance.choice(alive)
            actor.alive = False
            self.say(f"{actor.controller.who} is killed")

    def pause_controller(self) -> None:
        """Let a controller sleep past its lease; its calls wait with it."""
        alive = [a for a in self.actors if a.alive]
        if alive and self.chance.random() < 0.3:
            actor = self.chance.choice(alive)
            actor.asleep = 60
            self.say(f"{actor.controller.who} sleeps")

    def let_time_pass(self) -> None:
        """Let time pass everywhere, sometimes more than a lease."""
        seconds = self.chance.choice((1.0, 10.0, 130.0))
        for host in self.hosts.values():
            host.machine.spend(seconds)
        self.say(f"{seconds:.0f} s pass")

    def jump_clock(self) -> None:
        """Set the wall clock of a host, forth or back."""
        host = self.chance.choice(list(self.hosts.values()))
        host.machine.wall += self.chance.choice((-86400.0, 86400.0))
        self.say(f"the clock of {host.name} jumps")

    def lose_power(self) -> None:
        """Cut the power of a host between two modules."""
        host = self.chance.choice(list(self.hosts.values()))
        if host.machine.up and self.chance.random() < 0.3:
            self.cut(host)

    def bring_back(self) -> None:
        """Boot what is down, empty what is full, and let the service manager try a start."""
        for host in self.hosts.values():
            if self.chance.random() < 0.7:
                host.machine.full = False
                if not host.machine.up:
                    self.say(f"{host.name} boots")
                host.revive()
                self.check(host)

    EVENTS = (
        start_controller,
        start_controller,
        kill_controller,
        pause_controller,
        let_time_pass,
        jump_clock,
        lose_power,
        bring_back,
        bring_back,
    )

    def run_to_end(self, actor: Actor) -> str:
        """Deliver all that one controller sends, with no fault, until it ends."""
        while actor.alive:
            sent = next(s for s in self.sent if s.waits is actor)
            self.sent.remove(sent)
            self.deliver(sent)
        return actor.ended
