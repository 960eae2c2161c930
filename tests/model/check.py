"""Seeds, one by one or many: a history is made, judged, and told when it breaks."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from stagegate.errors import StagegateError

from .disk import File
from .host import OLD, OLDER, STATE, Host, Violation
from .invariants import Watcher, settle
from .network import STEPS, World
from .story import Setting
from .system import Process, beneath_the_core, running

MIGRATIONS = (
    ("none", "compatible"),
    ("copy", "compatible"),
    ("copy", "one_way"),
    ("in_place", "reversible"),
    ("in_place", "compatible"),
)


@dataclass(frozen=True)
class Broken:
    """A seed that saw what must never be seen, with all that happened until then."""

    seed: int
    words: str
    trace: tuple[str, ...]

    def told(self) -> str:
        """The seed and its events, the shortest prefix that shows it."""
        lines = [f"{number:4d}  {line}" for number, line in enumerate(self.trace, start=1)]
        return "\n".join([f"seed {self.seed}: {self.words}", *lines])


def setting_of(chance: Random) -> Setting:
    """How many hosts, which migration, with or without a door."""
    count = chance.choice((1, 1, 2, 2, 3))
    migration, migration_class = chance.choice(MIGRATIONS)
    hosts = tuple(f"h{number}" for number in range(1, count + 1))
    return Setting(hosts, migration, migration_class, chance.choice(("none", "haproxy")))


@functools.cache
def installed(name: str) -> tuple[tuple[str, bytes], ...]:
    """The state directory of a host on which the old release was deployed, by the core itself."""
    from stagegate import conduct
    from stagegate.journal import open_journal

    from .host import Call, Context

    host = Host(name, Random(0))
    host.keep({})
    plan = {"kind": "deploy", "from": OLDER, "to": OLD}
    owner = {"operator": "desk", "controller": "desk", "controller_id": "desk/0"}
    call = Call(name, "open", Context("first", plan=plan), "desk/0", {"owner": owner})
    with running(Process(host.machine, "desk/0")):
        context = host.do_open(host.run_of(call.run), call)
        run = host.run_of(context)
        with open_journal(run) as journal:
            state = {"old": OLDER, "new": OLD}
            for phase, act in (("quiesce", "hold"), ("restart", "activate_release")):
                with journal.step(phase, act) as step:
                    step.done(state=state if phase == "restart" else {})
            with journal.step("restart", "start") as step:
                step.done()
        conduct.close_run(run, "deployed", {})
    found = host.machine.disk.need(STATE).names  # type: ignore[union-attr]
    return tuple((name, node.data) for name, node in found.items() if isinstance(node, File))


def play(seed: int) -> Broken | None:
    """Play one seed to its end. The core must stand on the simulated system."""
    chance = Random(seed)
    setting = setting_of(chance)
    world = World(seed, setting, dict(installed("h1")))
    watcher = Watcher(world)
    steps = chance.randint(20, STEPS)
    try:
        for _ in range(steps):
            if world.is_over():
                break
            world.step()
        world.say("no more faults")
        settle(world, watcher)
    except (Violation, StagegateError, AssertionError, KeyError, ValueError, OSError) as error:
        words = str(error) if isinstance(error, Violation) else f"{type(error).__name__}: {error}"
        return Broken(seed, words, (str(setting), *world.trace))
    return None


def search(seeds: Iterable[int]) -> Broken | None:
    """The first seed that breaks, None when none does."""
    with beneath_the_core():
        return next((broken for broken in map(play, seeds) if broken is not None), None)
