"""Whole upgrades of several machines over ssh: what one more host costs, beside pyinfra."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.bench import peer
from tests.bench.databases import ROOT, build_releases
from tests.bench.deployment import RELEASES, TRIES, deploy
from tests.bench.lab_hosts import fresh_hosts, names
from tests.bench.model import NotMeasuredError, Outcome, Row
from tests.bench.playbooks import Played
from tests.lab import missing_requirements

COUNTS = (1, 3, 6)
WHAT = "upgrade over ssh"
PEER = "pyinfra: unpack, migrate, restart"
SETTING = (
    "the hosts are machines of the lab on the cores of the controller, made anew for each line and "
    "all in one wave; both begin with 1.0 by themselves, and only the upgrade to 1.1 is measured"
)
LEFT_OUT = (
    "it takes no backup and drills none, rehearses nothing, runs no smoke test, asks no gate, "
    "keeps no record and has no way back"
)


@dataclass
class Contestant:
    """One way to upgrade, and the seconds it took by the number of hosts."""

    name: str
    upgrade: Callable[[int, Outcome], float]
    seconds: dict[int, float] = field(default_factory=dict)
    failed: bool = False

    def take_turn(self, count: int, outcome: Outcome) -> None:
        """Upgrade so many hosts, unless fewer were already too many."""
        if self.failed:
            return
        try:
            self.seconds[count] = self.upgrade(count, outcome)
        except NotMeasuredError as reason:
            self.failed = True
            outcome.missing.append(f"{WHAT} by {self.name}, from {hosts(count)} on: {reason}")

    def growth(self) -> str:
        """The seconds of each number of hosts, and the ratio of several to one."""
        one = self.seconds[1]
        texts = {n: f"{hosts(n)} {s:.1f} s" for n, s in self.seconds.items()}
        ratios = {n: f" (ratio {s / one:.2f})" for n, s in self.seconds.items() if n > 1}
        return ", ".join(text + ratios.get(n, "") for n, text in texts.items())


def measure(sizes: Sequence[int]) -> Outcome:
    """Upgrade one, three and six machines both ways; the data are small, whatever the sizes."""
    outcome = Outcome()
    ours, theirs = Contestant("us", upgraded), Contestant("pyinfra", upgraded_by_peer)
    try:
        refuse_without_machines()
        build_releases()
    except NotMeasuredError as reason:
        outcome.missing.append(f"{WHAT}: {reason}")
        return outcome
    for count in COUNTS:
        ours.take_turn(count, outcome)
        theirs.take_turn(count, outcome)
    add(outcome, ours, theirs)
    return outcome


def refuse_without_machines() -> None:
    """Raise NotMeasuredError where the lab cannot boot one."""
    if missing := missing_requirements():
        raise NotMeasuredError(missing)


def add(outcome: Outcome, ours: Contestant, theirs: Contestant) -> None:
    """Add the lines: beside the peer with as many hosts, and beside ourselves with one."""
    for count, spent in ours.seconds.items():
        what = f"{WHAT}, {hosts(count)}"
        if count in theirs.seconds:
            outcome.rows.append(Row(what, "s", spent, theirs.seconds[count], PEER, 1))
        if count > 1:
            one = ours.seconds[1]
            outcome.rows.append(Row(what, "s", spent, one, f"the same, {hosts(1)}", 1))
    if ours.seconds or theirs.seconds:
        outcome.details.append(f"{WHAT}: {SETTING}")
    if theirs.seconds:
        outcome.details.append(f"pyinfra {peer.version()}, {WHAT}: {theirs.growth()}; {LEFT_OUT}")


def hosts(count: int) -> str:
    """One host, or so many."""
    return "1 host" if count == 1 else f"{count} hosts"


def upgraded(count: int, outcome: Outcome) -> float:
    """Seconds of our upgrade. Raises NotMeasuredError when every try was taken back."""
    why = ""
    for number in range(TRIES):
        try:
            played = upgraded_once(count)
        except NotMeasuredError as reason:
            why = str(reason)
            outcome.details.append(f"try {number + 1} of {hosts(count)} did not end well: {why}")
            continue
        phases = "; ".join(played.calls.lines())
        outcome.details.append(f"{WHAT}, {hosts(count)}, by phase (calls on one host): {phases}")
        return played.seconds
    raise NotMeasuredError(f"no deployment in {TRIES} tries: {why}")


def upgraded_once(count: int) -> Played:
    """Our upgrade of machines that were never deployed to but by us, once."""
    with fresh_hosts(count) as inventory:
        played = [deploy(r, str(inventory), {}, inventory.parent) for r in RELEASES]
    return played[-1]


def upgraded_by_peer(count: int, outcome: Outcome) -> float:
    """Seconds of pyinfra's upgrade, of machines prepared by the same script with the first one."""
    peer.program()  # before any machine is booted for nothing
    first, second = (ROOT / "dist" / f"abathur-{release}.tar" for release in RELEASES)
    with fresh_hosts(count) as inventory:
        peer.release(names(count), first, inventory.parent, prepare=True)
        return peer.release(names(count), second, inventory.parent)
