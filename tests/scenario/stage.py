"""The stage of a scenario: an inventory's hosts, and the commands against them."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab import Lab, read_inventory
from tests.scenario import deployment
from tests.scenario.deployment import Outcome, Running
from tests.scenario.host import Host

SMOKE_TESTS = 35


class Commands:
    """The project's playbooks against one inventory; `scratch` takes artifacts and logs."""

    def __init__(self, inventory: str, scratch: Path) -> None:
        self.inventory = inventory
        self.scratch = scratch
        self._numbers = itertools.count(1)

    def start(self, playbook: str, *arguments: str) -> Running:
        """Start one of the project's playbooks."""
        place = self.scratch / f"command-{next(self._numbers)}"
        return deployment.start(place, self.inventory, playbook, *arguments)

    def play(self, playbook: str, *arguments: str) -> Outcome:
        """Run one of the project's playbooks to its end."""
        return self.start(playbook, *arguments).wait()

    def deploy(self, version: str, *arguments: str) -> Outcome:
        """Deploy a release."""
        return self.play("deploy.yml", "-e", f"release_version={version}", *arguments)

    def roll_back(self, *arguments: str) -> Outcome:
        """Put back what is red, unfinished or live."""
        return self.play("playbooks/rollback.yml", *arguments)


class Stage(Commands):
    """The hosts of one inventory, each with abathur on it."""

    def __init__(self, inventory: str, scratch: Path) -> None:
        super().__init__(inventory, scratch)
        lab = Lab()
        names = [spec.name for spec in read_inventory(Path(inventory))]
        self.hosts = {name: Host(lab.machine(name), scratch) for name in names}

    @property
    def host(self) -> Host:
        """The only host."""
        (host,) = self.hosts.values()
        return host

    def assert_invariants(self, release: str) -> None:
        """Check every host: what must always be true, and that the smoke tests pass."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda host: host.assert_invariants(release), self.hosts.values()))
        outcome = self.play("playbooks/smoke.yml")
        assert outcome.rc == 0, str(outcome)
        for host in self.hosts.values():
            last = host.ledger()[-1]
            assert (last.phase, last.step, last.kind) == ("smoke", "smoke", "done")
            assert last.evidence["passed"] == SMOKE_TESTS


def smoke_counts(outcome: Outcome, name: str) -> tuple[int, int]:
    """How many smoke tests ran last on a host, whether forward or back, and how many passed."""
    entries = outcome.of_host(name)["entries"]
    last = [e["evidence"] for e in entries if e["step"] == "smoke" and e["kind"] != "intent"][-1]
    return last["tests"], last["passed"]
