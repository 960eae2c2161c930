"""sparkle on five machines of the lab: each can lose its power, the controller its life."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab import Lab
from tests.lab.cgroup import Cgroup
from tests.scenario.fleet import DATA, DOOR, INVENTORY, SERVING, Fleet, serving
from tests.scenario.invariants import Seen
from tests.scenario.users import Users
from tests.torture.command import WITHIN, Command, start_playbook
from tests.torture.points import Point
from tests.torture.systems import QUICK, SPARKLE, Released
from tests.torture.world import CGROUPS, PLACE

USERS = 3
IDENTITIES = "identities.json"
STATE = Path("var/lib/stagegate/sparkle")
COUNTERS = Path("var/lib/stagegate-torture")


class FleetWorld:
    """The hosts of inventories/sparkle and their kept moments."""

    red = Point("before", "smoke", "smoke", "done", SERVING[-1])

    def __init__(self, place: Path = PLACE) -> None:
        self.directory = place / SPARKLE.name
        self.cgroup = Cgroup(SPARKLE.name, CGROUPS)
        self.fleet: Fleet | None = None

    @property
    def system(self) -> Released:
        """What runs here."""
        return SPARKLE

    def make(self) -> None:
        """Make the machines anew, and put on them what a deployment needs."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        Lab().up(Path(INVENTORY), fresh=True)
        self._boot()
        words = (f"{INVENTORY}/prepare.yml",)
        prepared = self.start(self.directory / "prepare-hosts", words)
        assert prepared.wait() == 0, prepared.said()[-2000:]

    def _boot(self) -> Fleet:
        self.cgroup.path.mkdir(parents=True, exist_ok=True)
        if self.fleet is None:
            self.fleet = Fleet(self.directory)
        return self.fleet

    def save(self, moment: str) -> None:
        """Keep this moment: the disks as a power cut would leave them."""
        for name, host in self._boot().hosts.items():
            host.machine.run("sync")
            host.machine.snapshot(self.directory / f"{moment}-{name}.img")
        (self.directory / IDENTITIES).write_text(json.dumps(self._identities()), encoding="utf-8")

    def is_whole(self) -> bool:
        """Tell whether the machines are those of the moments: others have other host keys."""
        place = self.directory / IDENTITIES
        kept = json.loads(place.read_text(encoding="utf-8")) if place.exists() else {}
        return bool(kept) and kept == self._identities()

    def _identities(self) -> dict[str, str]:
        """The host key of each machine that exists."""
        machines = Lab().machines()
        return {
            name: machines[name].files.known_hosts.read_text(encoding="ascii")
            for name in (*SERVING, DATA, DOOR)
            if name in machines
        }

    def go_back(self, moment: str) -> None:
        """Be at a kept moment again: every machine boots on its disk of then."""
        fleet = self._boot()
        self.cgroup.kill()
        with ThreadPoolExecutor() as pool:
            hosts = fleet.hosts.items()
            kept = {name: self.directory / f"{moment}-{name}.img" for name, _ in hosts}
            list(pool.map(lambda item: item[1].machine.restore(kept[item[0]]), hosts))
        self._wait_until_served(fleet)

    def _wait_until_served(self, fleet: Fleet) -> None:
        end = time.monotonic() + WITHIN
        while set(fleet.servers().values()) != {"UP"}:
            assert time.monotonic() < end, f"not all serve: {fleet.servers()}"
            time.sleep(0.2)

    def rest(self) -> None:
        """Power the machines off; they stay, and the kept moments with them."""
        self.cgroup.kill()
        for host in self._boot().hosts.values():
            host.machine.power_off()
        self.fleet = None

    def start(
        self, artifacts: Path, words: tuple[str, ...], environment: Mapping[str, str] | None = None
    ) -> Command:
        """Start a playbook of the project as a person types it: playbook and arguments."""
        settings = {**QUICK, "sign_off_root": str(self.directory / "sign_offs")}
        return start_playbook(self.cgroup, artifacts, INVENTORY, words, settings, environment)

    def counters(self, point: Point) -> Path:
        """Where a failpoint counts: on the point's host, seen through its disk."""
        return self._boot().hosts[point.host].machine.files.root / COUNTERS

    def place(self, point: Point) -> str:
        """The same directory as the host names it."""
        return f"/{COUNTERS}"

    def lose_host(self, command: Command, point: Point) -> None:
        """Cut the power of the point's host; it boots once the command is over."""
        machine = self._boot().hosts[point.host].machine
        machine.power_off()
        command.wait()
        machine.power_on()

    def wait_until_idle(self) -> None:
        """Return once no step is at work on any host: each step holds the host's step lock."""
        for host in self._boot().hosts.values():
            argv = ("flock", "--wait", f"{WITHIN:.0f}", f"/{STATE}/step.lock", "true")
            done = host.machine.run(*argv)
            assert done.returncode == 0, f"{host.name}: a step is at work without end"

    def seen(self) -> list[Seen]:
        """What is true now on each host."""
        fleet = self._boot()
        with ThreadPoolExecutor() as pool:
            return list(pool.map(fleet.seen, fleet.hosts))

    def serving(self, host: Seen) -> list[str]:
        """The services that must run on a host once a run is over."""
        return serving(host.name)

    def writing(self, scratch: Path) -> Users:
        """Users who come through the door."""
        return Users(self._boot().url, scratch, USERS)
