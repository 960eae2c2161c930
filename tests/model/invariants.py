"""What must never be seen, whatever the seed does: W, A, L, K, G after every event, R at the end.

W: a host serves a release on data that it can read, and is as its ledger says, or fenced.
A: every row that was acknowledged is served, or its loss was accepted by its count.
L: the ledger is whole, and every entry that a process was told is on the disk survives.
K: the system is free only when no run is unfinished; epochs never go back.
G: nothing starts behind the guard, and nothing is switched beside a running service (``host``).
R: a resume or a rollback ends the run, a second one does nothing, and a deployment may follow.
"""

from __future__ import annotations

from typing import Any

from stagegate.errors import StagegateError
from stagegate.history import RunSummary, last_effect, runs, unfinished
from stagegate.ledger import Entry
from stagegate.lock import Lock
from stagegate.record.account import read_account
from stagegate.record.verdict import run_endings, run_verdict

from .disk import File
from .host import CODE, DATA, NEW, OLD, STATE, Host, Violation
from .network import World
from .system import Place, Process, running


class Watcher:
    """What has been promised so far on each host, and the judge of every new state."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.seen: dict[str, tuple[object, ...]] = {}
        world.check = self.check

    def check(self, host: Host) -> None:
        """Judge a host between two calls; one whose power is cut is judged once it is back."""
        if not host.machine.up or host.machine.flocks:
            return
        disk = host.machine.disk
        seen = tuple(disk.find(f"{STATE}/{name}") for name in ("lock", "epoch", "ledger.jsonl"))
        now = tuple(node.data if isinstance(node, File) else node for node in seen)
        if now != self.seen.get(host.name):
            self.one_holder(host, self.whole(host))
            self.seen[host.name] = now
        serving(host)
        promised(host)

    def whole(self, host: Host) -> tuple[Entry, ...]:
        """L: nothing that stood in the ledger is gone or changed."""
        try:
            entries = host.ledger().entries
        except StagegateError as error:
            raise Violation(f"L: {error.what}") from error
        node = host.machine.disk.find(f"{STATE}/ledger.jsonl")
        lines = node.data.split(b"\n") if isinstance(node, File) else []
        for seq, line in host.machine.told.items():
            if len(entries) < seq or lines[seq - 1] != line:
                raise Violation(f"L: {host.name} lost entry {seq}: {line.decode()}")
        return tuple(entries)

    def one_holder(self, host: Host, entries: tuple[Entry, ...]) -> None:
        """K: a free system has no unfinished run, and no epoch is given twice."""
        with running(Process(host.machine, "inspector")):
            owner = Lock(Place(STATE)).owner()  # type: ignore[arg-type]
            epoch = Lock(Place(STATE)).epoch()  # type: ignore[arg-type]
        left = unfinished(entries)
        if owner is None and left is not None:
            raise Violation(f"K: {host.name} is free, though {left.id} is unfinished")
        if any(entry.epoch > epoch for entry in entries):
            raise Violation(f"K: {host.name} has an entry of an epoch beyond {epoch}")
        held = [entry.epoch for entry in entries if entry.epoch]
        if held != sorted(held):
            raise Violation(f"K: {host.name} has an entry of an epoch that had passed")


def serving(host: Host) -> None:
    """W: whoever serves, serves on data of its own schema, or of one it was proved to read."""
    if host.serves is None:
        return
    code, data = host.serves
    schema = host.schemas[data] if host.migrates else code
    if code != schema and not (code != NEW and (host.compatible or schema != NEW)):
        raise Violation(f"W: {host.name} serves {code} on data of {schema}")


def promised(host: Host) -> None:
    """A: what serves has every row that was acknowledged."""
    if host.serves is None:
        return
    gone = host.promised - host.given_up - host.rows[host.serves[1]]
    if gone:
        raise Violation(f"A: {host.name} lost the acknowledged rows {sorted(gone)[:5]}")


def as_the_ledger_says(host: Host, summary: RunSummary | None) -> None:
    """W: a host whose run has ended is what the end says, once its services have had a start."""
    host.revive()
    with running(Process(host.machine, "inspector")):
        code, guarded = host.link(CODE), Place(f"{STATE}/guard").exists()
        data = host.link(DATA)
    verdict = summary.verdict if summary else "restored"
    if verdict == "fenced":
        if host.serves is not None or not guarded:
            raise Violation(f"W: {host.name} is fenced, and serves {host.serves}")
        return
    plan = summary.plan if summary else {"from": OLD}
    wanted = {"deployed": plan.get("to"), "refused": code}.get(verdict, plan["from"])
    if host.serves is None or code != wanted or host.serves != (code, data):
        raise Violation(
            f"W: {host.name} ended as {verdict}, serves {host.serves}, leads to {code} and {data}"
        )


def last_run(host: Host) -> RunSummary | None:
    """The run that last wrote on a host, whatever its end."""
    found = runs(host.ledger().entries)
    return max(found, key=lambda summary: summary.entries[-1].seq, default=None)


def settle(world: World, watcher: Watcher) -> None:
    """R: with no more faults one controller ends what is left, and what is then said is so."""
    for sent in list(world.sent):  # what was sent by the dead still arrives
        world.sent.remove(sent)
        if world.chance.random() < 0.5:
            sent.waits = None
            world.deliver(sent)
    for actor in world.actors:
        actor.alive = False
    world.sent.clear()
    for host in world.hosts.values():
        host.machine.full = False
        host.revive()
        host.machine.spend(200.0)
        watcher.check(host)
    open_now = world.open_runs()
    if open_now and world.chance.random() < 0.5:
        world.run_to_end(world.begin("resume", min(open_now), "desk-z"))
        pause(world)
    if left(world):
        put_everything_back(world)
    judge_the_end(world)
    once_more(world)


def pause(world: World) -> None:
    """Wait for longer than a lease."""
    for host in world.hosts.values():
        host.machine.spend(200.0)


def left(world: World) -> list[str]:
    """The hosts that nobody has ended: unfinished, fenced, or left where others went back."""
    changed = {n: last_effect(host.ledger().entries) or NOTHING for n, host in world.hosts.items()}
    gone = {summary.id for summary in changed.values() if summary.verdict == "restored"}
    return [
        name
        for name, host in world.hosts.items()
        if changed[name].verdict == "fenced"
        or (changed[name].verdict == "deployed" and changed[name].id in gone)
        or unfinished(host.ledger().entries)
        or forgotten(host)
    ]


def forgotten(host: Host) -> bool:
    """True for a host that is held by a run which died before its first entry."""
    with running(Process(host.machine, "inspector")):
        owner = Lock(Place(STATE)).owner()  # type: ignore[arg-type]
    return owner is not None and not any(s.id == owner["run"] for s in runs(host.ledger().entries))


NOTHING = RunSummary("", {}, "restored", ())


def put_everything_back(world: World) -> None:
    """Roll back; a host that asks for consent to a loss is given it, by its exact count."""
    for attempt in range(3):
        accept = {} if attempt == 0 else {name: lost(host) for name, host in world.hosts.items()}
        world.run_to_end(world.begin("rollback", f"back-{attempt}", "desk-z", accept))
        pause(world)
        if not left(world):
            return
    raise Violation(f"R: no rollback ends {', '.join(left(world))}")


def lost(host: Host) -> int:
    """The rows that a rollback of a host counted last."""
    counted = [e.state["lost"] for e in host.ledger().entries if "lost" in e.state]
    return int(counted[-1]) if counted else 0


def judge_the_end(world: World) -> None:
    """Every host is what its own ledger says, and what the record of its last run would say."""
    last = {name: last_run(host) for name, host in world.hosts.items()}
    for name, host in world.hosts.items():
        as_the_ledger_says(host, last[name])
        serving(host)
        promised(host)
    served = {host.serves[0] for host in world.hosts.values() if host.serves}
    if len(served) > 1 and not found_apart(world):
        raise Violation(f"W: the hosts serve {sorted(served)}, and nothing is left to be done")
    for run in sorted({summary.id for summary in last.values() if summary is not None}):
        plans = [s.plan for s in last.values() if s is not None and s.id == run]
        told = recorded(world, run) if len(plans) == len(last) else ""
        if told == "deployed" and served != {plans[0]["to"]}:
            raise Violation(f"W: the record calls {run} deployed, the hosts serve {served}")


def found_apart(world: World) -> bool:
    """True when the last run that acted met hosts with two releases, and left each its own.

    A rollback that could not reach every host of a run leaves them so until it is repeated.
    """
    entries = [e for host in world.hosts.values() for e in host.ledger().entries]
    acted = {e.run for e in entries if e.phase not in ("preflight", "rollback", "report")}
    opened = [e.state for e in entries if e.run == max(acted) and e.phase == "preflight"]
    live = {(said.get("plan") or {}).get("from") or said.get("release") for said in opened}
    return len(live - {None}) > 1


def recorded(world: World, run: str) -> str:
    """The verdict that a record of the run would state."""
    accounts = [read_account(name, host.as_dicts(), run) for name, host in world.hosts.items()]
    meta: dict[str, Any] = {"run": run, "kind": "deploy", "hosts": list(world.hosts)}
    return run_verdict(run_endings(accounts, meta))


def once_more(world: World) -> None:
    """R: a second rollback of what went back does nothing, and the system is free to deploy."""
    ends = {(last_run(host) or NOTHING).verdict for host in world.hosts.values()}
    before = {name: host.serves for name, host in world.hosts.items()}
    again, afterwards = world.chance.random() < 0.4, world.chance.random() < 0.2
    if again and ends <= {"restored"} and all(last_run(host) for host in world.hosts.values()):
        said = world.run_to_end(world.begin("rollback", "again", "desk-z"))
        if said != "nothing" or {n: h.serves for n, h in world.hosts.items()} != before:
            raise Violation(f"R: a second rollback was {said}")
    if not afterwards:
        return
    for host in world.hosts.values():
        host.bad_release = False
    said = world.run_to_end(world.begin("deploy", "afterwards", "desk-z"))
    if said != "deployed":
        raise Violation(f"R: a deployment afterwards is {said}")
    for host in world.hosts.values():
        if host.serves is None or host.serves[0] != NEW:
            raise Violation(f"R: {host.name} serves {host.serves} after a good deployment")
        promised(host)
