"""What a controller does, as the playbooks tell it: rounds of calls, each waiting for the last.

A story is a generator. It yields a round, the calls that go out together, and is sent the replies
by host; it never sees a host but through them. One may end at any ``yield``: that is a controller
killed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stagegate.history import WayBack
from stagegate.plan import deployment_plan, wave_of
from stagegate.reopening import going_back

from .host import NEW, Call, Context

WAVES = (1, "100%")
BACK = ("hold", "back_data", "back_code", "start", "smoke", "admit")


@dataclass(frozen=True)
class Reply:
    """What came back: a value, an error, or nothing at all."""

    value: Any = None
    error: Exception | None = None
    lost: bool = False

    @property
    def well(self) -> bool:
        """True when the call was done."""
        return self.error is None and not self.lost


Round = list[Call]
Replies = dict[str, Reply]
Story = Generator[Round, Replies, str]


@dataclass(frozen=True)
class Setting:
    """What an inventory would say."""

    hosts: tuple[str, ...]
    migration: str  # none, copy, in_place
    migration_class: str
    doors: str

    def plan(self, live: str, serves_well: bool) -> dict[str, Any]:
        """The plan of a deployment of the new release."""
        kind = "postgresql" if self.migration == "in_place" else "sqlite"
        stores = [{"name": "db", "kind": kind, "path": "/x", "migrations": {"kind": "alembic"}}]
        pending = {} if self.migration == "none" or live == NEW else {"db": ["m1"]}
        release = {"version": NEW, "migration_class": self.migration_class, "digest": "d"}
        nouns = {"stores": stores, "services": ["app"], "doors": self.doors}
        return deployment_plan(release, live, pending, nouns, serves_well)

    def waves(self) -> list[list[str]]:
        """The hosts by wave."""
        serving = dict.fromkeys(self.hosts, True)
        number = {h: wave_of(h, serving, WAVES, self.migration_class) for h in self.hosts}
        return [[h for h in self.hosts if number[h] == n] for n in sorted(set(number.values()))]


@dataclass
class Controller:
    """One invocation: who it is, whom it knows dead, and the runs it holds by host."""

    who: str
    setting: Setting
    owner: dict[str, Any]
    accept: dict[str, int]
    runs: dict[str, Context]
    seen: dict[str, dict[str, Any]]

    def call(self, host: str, act: str, **told: Any) -> Call:
        """One module for one host, under the run this controller has there."""
        return Call(host, act, self.runs[host], self.who, told)

    def ask(self, hosts: Iterable[str], act: str, **told: Any) -> Round:
        """The same of several hosts."""
        return [self.call(host, act, **told) for host in hosts]

    def with_dead(self, held: dict[str, Any] | None, dead: Sequence[str]) -> dict[str, Any]:
        """The owner's record, with what this controller's machine knows of the holder."""
        theirs = str((held or {}).get("controller_id", ""))
        return {**self.owner, "dead": [theirs] if theirs in dead else []}


def deploy(mine: Controller, run: str, dead: Sequence[str], resume: bool) -> Story:
    """``deploy.yml``: everywhere forward, or everywhere back."""
    hosts = mine.setting.hosts
    mine.runs = {host: Context(run) for host in hosts}
    if not (yield from know(mine, not resume)):
        return "refused"
    for host in hosts:
        seen = mine.seen[host]
        begun = (seen["mine"] or {}).get("plan") if resume else None
        plan = begun or mine.setting.plan(seen["live"], seen["live"] == NEW)
        mine.runs[host] = replace(mine.runs[host], plan=plan)
    if not (yield from take(mine, dead, resume)):
        return "refused"
    exclusive = [host for host in hosts if mine.runs[host].exclusive]
    red = not (yield from go_forward(mine))
    outcomes: dict[str, str] = {}
    if red:
        outcomes = yield from take_back(mine, exclusive, dead)
    verdicts = {h: outcomes.get(h, "unfinished" if red else "deployed") for h in exclusive}
    yield [mine.call(h, "close", verdict=verdicts[h]) for h in exclusive]
    return "red" if red else "deployed"


def know(mine: Controller, expect_free: bool) -> Generator[Round, Replies, bool]:
    """The role that every play begins with; false when a host refuses or is lost."""
    replies = yield mine.ask(mine.setting.hosts, "observe", expect_free=expect_free)
    mine.seen = {host: reply.value for host, reply in replies.items() if reply.well}
    return all(reply.well for reply in replies.values())


def take(mine: Controller, dead: Sequence[str], resume: bool) -> Generator[Round, Replies, bool]:
    """Preflight's last task: host by host, and all is given back when one refuses."""
    taken: list[str] = []
    for host in mine.setting.hosts:
        owner = mine.with_dead(mine.seen[host]["owner"], dead)
        replies = yield [mine.call(host, "open", owner=owner, resume=resume)]
        if replies[host].well:
            mine.runs[host] = replies[host].value
            taken.append(host)
    if len(taken) == len(mine.setting.hosts):
        return True
    back = [host for host in taken if mine.runs[host].exclusive]
    if back:
        yield mine.ask(back, "close", verdict="refused")
    return False


def go_forward(mine: Controller) -> Generator[Round, Replies, bool]:
    """Stage everywhere, then wave by wave; false as soon as anything is red."""
    hosts = [h for h in mine.setting.hosts if mine.runs[h].exclusive]
    if not (yield from round_of(mine, hosts, "stage")):
        return False
    for wave in mine.setting.waves():
        present = [host for host in wave if host in hosts]
        for act, told in forward_acts(mine):
            if not (yield from round_of(mine, present, act, **told)):
                return False
    return True


def forward_acts(mine: Controller) -> list[tuple[str, dict[str, Any]]]:
    """The acts of a wave, in their order."""
    migrate = any(mine.runs[h].plan.get("migrate") for h in mine.setting.hosts)
    data = [("migrate", {}), ("activate_data", {})] if migrate else []
    return [
        ("hold", {}),
        *data,
        ("activate_code", {}),
        ("start", {"version": NEW}),
        ("smoke", {"version": NEW}),
        ("admit", {}),
    ]


def round_of(
    mine: Controller, hosts: Sequence[str], act: str, **told: Any
) -> Generator[Round, Replies, bool]:
    """One act on some hosts; true when it was done on all of them."""
    if not hosts:
        return True
    replies = yield mine.ask(hosts, act, **told)
    return all(reply.well for reply in replies.values())


def roll_back(mine: Controller, run: str, dead: Sequence[str]) -> Story:
    """``playbooks/rollback.yml``: put back the last change, or what is unfinished."""
    mine.runs = {host: Context(run) for host in mine.setting.hosts}
    if not (yield from know(mine, expect_free=False)):
        return "refused"
    outcomes = yield from take_back(mine, mine.setting.hosts, dead)
    held = [h for h in mine.setting.hosts if mine.runs[h].exclusive]
    if held:
        yield [mine.call(h, "close", verdict=outcomes.get(h, "unfinished")) for h in held]
    if not outcomes:
        return "refused"
    return "nothing" if set(outcomes.values()) == {"nothing"} else "back"


def take_back(
    mine: Controller, hosts: Sequence[str], dead: Sequence[str]
) -> Generator[Round, Replies, dict[str, str]]:
    """The rollback play: every host is taken into hand, then put back, the last wave first."""
    if not hosts:
        return {}
    outcomes: dict[str, str] = {}
    ways: dict[str, WayBack] = {}
    seen = yield mine.ask(hosts, "observe", expect_free=False)
    present = [host for host in hosts if seen[host].well]
    outcomes.update({host: "fenced" for host in hosts if host not in present})
    together = runs_that_go_back(mine, [seen[host].value for host in present])
    begun = [seen[host].value["holder"] for host in present]
    owners = {host: mine.with_dead(seen[host].value["owner"], dead) for host in present}
    calls = [
        mine.call(host, "reopen", owner=owners[host], together=together, begun=begun)
        for host in present
    ]
    on_request = not any(run.exclusive for run in mine.runs.values())
    acted = not on_request or any(seen[host].value["acted"] for host in present)
    taken = (yield calls) if calls else {}
    if not acted and not all(reply.well for reply in taken.values()):
        yield from give_back(mine, taken)
        return {}
    for host, reply in taken.items():
        if reply.well:
            context, ways[host] = reply.value
            held = seen[host].value["unfinished"] or seen[host].value["last"] or {"plan": {}}
            plan = mine.runs[host].plan if mine.runs[host].exclusive else held["plan"]
            mine.runs[host] = replace(context, plan=plan)
            if not ways[host].needed:
                outcomes[host] = "nothing"
    yield from fence(mine, [h for h in present if not taken[h].well], outcomes)
    for wave in reversed(mine.setting.waves()):
        back = [h for h in wave if h in ways and h not in outcomes]
        yield from put_back(mine, back, ways, outcomes)
    return outcomes


def give_back(mine: Controller, taken: Replies) -> Generator[Round, Replies, None]:
    """Leave every host as it stood: nothing pressed, and one of them could not be taken."""
    for host, reply in taken.items():
        if reply.well:
            mine.runs[host] = reply.value[0]
    back = [host for host, run in mine.runs.items() if run.exclusive]
    if back:
        yield mine.ask(back, "close", verdict="refused")
    mine.runs = {host: replace(run, exclusive=False) for host, run in mine.runs.items()}


def runs_that_go_back(mine: Controller, seen: list[dict[str, Any]]) -> list[str]:
    """The filter ``going_back``: what this command holds, or what the ledgers say."""
    return sorted({run.id for run in mine.runs.values() if run.exclusive}) or going_back(seen)


def put_back(
    mine: Controller, hosts: list[str], ways: dict[str, WayBack], outcomes: dict[str, str]
) -> Generator[Round, Replies, None]:
    """Put back one wave; a host that fails is fenced alone."""
    for act in BACK:
        going = [h for h in hosts if h not in outcomes and concerns(act, ways[h])]
        if not going:
            continue
        replies = yield [
            mine.call(
                h,
                act,
                phase="rollback",
                version=ways[h].to,
                way=ways[h],
                accept=mine.accept.get(h),
            )
            for h in going
        ]
        yield from fence(mine, [h for h in going if not replies[h].well], outcomes)
    outcomes.update({host: "restored" for host in hosts if host not in outcomes})


def concerns(act: str, way: WayBack) -> bool:
    """True for an act that the way back has: without a hold nothing was touched but the door."""
    return way.hold or act == "admit"


def fence(
    mine: Controller, hosts: list[str], outcomes: dict[str, str]
) -> Generator[Round, Replies, None]:
    """Hold the services of hosts that did not go back, for a person; only where they are held."""
    held = [host for host in hosts if mine.runs[host].exclusive]
    if held:
        yield mine.ask(held, "fence")
    outcomes.update({h: "fenced" if h in held else "unfinished" for h in hosts})
