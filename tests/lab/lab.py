"""The lab as one thing, and a machine in it: the verbs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from tests.lab import (
    access,
    ballast,
    cgroup,
    disk,
    host,
    image,
    network,
    power,
    read_only,
    readiness,
    snapshot,
)
from tests.lab.errors import LabError
from tests.lab.home import Home
from tests.lab.inside import run_inside
from tests.lab.spec import MachineSpec, read_inventory, refuse_shared_addresses

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable
    from pathlib import Path

_Item = TypeVar("_Item")
_AT_ONCE = 16


class Lab:
    """All machines; every verb holds the lab's lock and can be repeated after it was killed."""

    def __init__(self) -> None:
        self.home = Home()

    def build_image(self) -> None:
        """Build the machines' image unless it is there."""
        self._require()
        with self.home.lock():
            image.ensure_image(self.home)

    def up(self, inventory: Path, *, fresh: bool = False) -> dict[str, Machine]:
        """Boot an inventory's machines; return them, by name, once ssh answers and systemd settled.

        A machine that exists keeps its disk; `fresh` removes it first. Machines of other
        inventories stay as they are.
        """
        return self.up_machines(read_inventory(inventory), fresh=fresh)

    def up_machines(self, specs: list[MachineSpec], *, fresh: bool = False) -> dict[str, Machine]:
        """Do what `up` does, for machines that no inventory names."""
        self._require()
        named = [spec.name for spec in specs]
        with self.home.lock():
            image.ensure_image(self.home)
            standing = [made for made in self.machines().values() if made.name not in named]
            refuse_shared_addresses([*(made.spec for made in standing), *specs])
            if fresh:
                _all_at_once(power.remove, [self.home.machine(name) for name in named])
            self._boot(specs)
        return {spec.name: Machine(self.home, spec) for spec in specs}

    def machines(self) -> dict[str, Machine]:
        """Return the machines that exist, running or not, by name."""
        specs = [power.read_spec(self.home.machine(name)) for name in self.home.names()]
        return {spec.name: Machine(self.home, spec) for spec in specs if spec}

    def machine(self, name: str) -> Machine:
        """Return one machine that exists."""
        known = self.machines()
        if name not in known:
            raise LabError(f"there is no machine {name}; there are: {', '.join(known) or 'none'}")
        return known[name]

    def down(self, inventory: Path | None = None, *, images: bool = False) -> None:
        """Remove every trace of the lab but its image, or one inventory's machines.

        The latter leaves what the machines of others use: key, ssh_config and bridge.
        `images` removes the image as well, which is everybody's.
        """
        self._require()
        if inventory and images:
            raise LabError("the image is everybody's: --images is for a down without --inventory")
        with self.home.lock():
            named = [s.name for s in read_inventory(inventory)] if inventory else self.home.names()
            wanted = [self.home.machine(name) for name in named if name in self.home.names()]
            _all_at_once(power.remove, wanted)
            if inventory:
                self._write_client_files()
                return
            disk.unshare(self.home.machines)
            network.remove_bridge()
            cgroup.remove_parent()
            access.remove_client_files(self.home)
            host.restore_inotify_limit(self.home)
            if images:
                image.remove_image(self.home)

    def _boot(self, specs: list[MachineSpec]) -> None:
        host.raise_inotify_limit(self.home)
        access.ensure_key(self.home)
        network.ensure_bridge(specs[0].address)
        disk.share(self.home.machines)
        _all_at_once(lambda spec: power.boot(self.home, spec), specs)
        self._write_client_files()
        _all_at_once(lambda spec: readiness.wait_until_ready(self.home, spec), specs)

    def _write_client_files(self) -> None:
        machines = [(m.files, m.spec) for m in self.machines().values()]
        access.write_client_files(self.home, machines)

    @staticmethod
    def _require() -> None:
        if missing := host.missing_requirements():
            raise LabError(missing)


class Machine:
    """One machine that exists, running or not."""

    def __init__(self, home: Home, spec: MachineSpec) -> None:
        self.home = home
        self.spec = spec
        self.files = home.machine(spec.name)

    @property
    def name(self) -> str:
        """The machine's name."""
        return self.spec.name

    @property
    def address(self) -> str:
        """The machine's IPv4 address."""
        return self.spec.address

    def run(self, *argv: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program in the machine as root, whatever its network is; 255 when it is off."""
        return run_inside(self.name, argv, given)

    def ssh(self, *argv: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program in the machine as who deploys to it; status 255 is ssh's own failure."""
        return access.ssh(self.home, self.name, list(argv), given)

    def state(self) -> str:
        """Return `on`, `off`, `frozen` (a verb was killed half-way) or `cut` (off the network)."""
        group = cgroup.Cgroup(self.name)
        if not group.is_populated():
            return "off"
        if group.is_frozen():
            return "frozen"
        return "on" if network.is_linked(self.name) else "cut"

    def power_on(self) -> None:
        """Boot the machine on the disk it has; returns when it can be worked with."""
        with self.home.lock():
            self._power_on()

    def power_off(self) -> None:
        """Take its power away: silent at once, and what was not synced is lost."""
        with self.home.lock():
            power.power_off(self.files)

    def stop(self) -> None:
        """Shut it down cleanly."""
        with self.home.lock():
            power.stop(self.files)

    def cut(self) -> None:
        """Take it off the network; it goes on running."""
        with self.home.lock():
            network.set_link(self.name, up=False)

    def heal(self) -> None:
        """Put it back on the network."""
        with self.home.lock():
            network.set_link(self.name, up=True)

    def fill(self, directory: str, leave: int = 0) -> int:
        """Fill the disk that holds a directory, but for `leave` bytes; return what is left free."""
        with self.home.lock():
            return ballast.fill(self.files, directory, leave)

    def unfill(self) -> None:
        """Make room again."""
        with self.home.lock():
            ballast.unfill(self.files)

    def make_read_only(self, directory: str) -> None:
        """Make a directory read-only for every process; what is open for writing stays so."""
        with self.home.lock():
            read_only.make_read_only(self.files, directory)

    def make_writable(self) -> None:
        """Make every read-only directory writable again."""
        with self.home.lock():
            read_only.make_writable(self.files)

    def snapshot(self, target: Path) -> None:
        """Keep the disk as a power loss in this moment would leave it."""
        with self.home.lock():
            snapshot.take(self.files, target)

    def restore(self, source: Path) -> None:
        """Take its power away, put a snapshot in the place of its disk and boot on that."""
        with self.home.lock():
            snapshot.check(self.files, source)
            power.power_off(self.files)
            snapshot.put(self.files, source)
            self._power_on()

    def _power_on(self) -> None:
        network.ensure_bridge(self.address)
        disk.share(self.home.machines)
        power.boot(self.home, self.spec)
        readiness.wait_until_ready(self.home, self.spec)


def _all_at_once(act: Callable[[_Item], None], items: Iterable[_Item]) -> None:
    """Do the same for all; the first error is raised after every one has come to its end."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for done in [pool.submit(act, item) for item in items]:
            done.result()
