"""A system of this machine on a disk and in a cgroup of its own: so it can lose its power.

Everything that a command starts (modules, supervisord, services) stays in the cgroup, and all that
it keeps lies on one loop-mounted ext4 image. Cutting the power ends all of it at once and loses
what was not synced; going back to a moment is a copy of the image.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from stagegate.service.guarded_exec import MARK
from stagegate.service.supervisor_config import Daemon
from tests.lab import disk
from tests.lab.cgroup import Cgroup
from tests.lab.commands import run, wait_for
from tests.lab.home import MachineFiles
from tests.lab.mounts import is_mounted
from tests.scenario.invariants import Seen
from tests.scenario.load import Load
from tests.torture.command import ROOT, WITHIN, Command, start_inside, start_playbook
from tests.torture.look import look_at
from tests.torture.points import Point
from tests.torture.systems import QUICK, LocalSystem
from tests.torture.world import CGROUPS, PLACE

DISK_BYTES = 600 << 20
SERVED_WITHIN = 60.0


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, held at once so that they differ."""
    held = [socket.socket() for _ in range(count)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    found = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return found


def listens(port: int) -> bool:
    """Tell whether somebody listens on a port of this machine."""
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


class LocalWorld:
    """One local system, its disk, its processes, and the moments that can be gone back to."""

    red = Point("before", "smoke", "smoke", "done")

    def __init__(self, system: LocalSystem, place: Path = PLACE) -> None:
        self.system = system
        self.directory = place / system.name
        self.files = MachineFiles(f"tort-{system.name}"[:16], self.directory)
        self.cgroup = Cgroup(system.name, CGROUPS)
        self.home = self.files.disk
        self.state = self.home / "state" / system.name
        self._ports: dict[str, int] = {}

    @property
    def url(self) -> str:
        """Where the first service is written to."""
        return f"http://127.0.0.1:{self.ports[next(iter(self.system.ports))]}"

    @property
    def ports(self) -> dict[str, int]:
        """The port of each service; chosen once, for they stand in the saved moments."""
        place = self.directory / "ports.json"
        if not self._ports:
            self._ports = json.loads(place.read_text(encoding="utf-8"))
        return self._ports

    def make(self) -> None:
        """Make an empty world, on a disk that nothing is on."""
        self.destroy()
        self.directory.mkdir(mode=0o700, parents=True)
        names = list(self.system.ports)
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        (self.directory / "ports.json").write_text(json.dumps(ports), encoding="utf-8")
        disk.ensure_disk(self.files, DISK_BYTES)
        self.boot()

    def boot(self) -> None:
        """Give it power: the disk is there again, and nothing runs, as after any boot."""
        self.cgroup.path.mkdir(parents=True, exist_ok=True)
        disk.share(self.directory.parent)
        self.home.mkdir(exist_ok=True)
        if not is_mounted(self.home):
            disk.wait_until_unused(self.files)
            run(["mount", "-o", "loop", self.files.disk_image, self.home])

    def cut_power(self) -> None:
        """Take the power away: every process ends, and what was not synced is lost."""
        if self.cgroup.is_populated():
            self.cgroup.freeze()
        disk.lose_power(self.files)
        self.cgroup.kill()
        self.leave_disk()

    def leave_disk(self) -> None:
        """Take the disk away from a world without processes."""
        if is_mounted(self.home):
            run(["umount", self.home])
        disk.wait_until_unused(self.files)

    def rest(self) -> None:
        """End its processes and give its disk free; its kept moments stay."""
        if is_mounted(self.home):
            disk.lose_power(self.files)
        self.cgroup.kill()
        self.leave_disk()

    def destroy(self) -> None:
        """Leave no trace of it."""
        if not self.directory.exists():
            return
        self.rest()
        if self.cgroup.path.exists():
            self.cgroup.remove()
        run(["rm", "-rf", "--one-file-system", self.directory])

    def save(self, moment: str) -> None:
        """Keep this moment: the disk as a power cut would leave it, once all is written out."""
        run(["sync", "-f", self.home])
        self.cgroup.freeze()
        try:
            wait_for(
                lambda: disk.copy_unchanging(self.files, self.directory / f"{moment}.img"),
                60,
                f"a copy of {self.system.name}'s disk",
            )
        finally:
            self.cgroup.thaw()

    def is_whole(self) -> bool:
        """Tell whether all that the kept moments need is still there: they are files of its own."""
        return (self.directory / "ports.json").exists()

    def go_back(self, moment: str) -> None:
        """Be at a kept moment again, with the services running as they did."""
        self.rest()
        disk.copy_image(self.directory / f"{moment}.img", self.files.disk_image)
        self.boot()
        self._start_services()
        served = f"service by {self.system.name} as it was kept (--fresh makes it anew)"
        wait_for(lambda: all(map(listens, self.ports.values())), SERVED_WITHIN, served)

    def _start_services(self) -> None:
        daemon = Daemon(self.state / "supervisor", self.system.name)
        argv = [sys.executable, "-I", "-m", "supervisor.supervisord", "-c", str(daemon.config)]
        start_inside(self.cgroup, argv, self.directory / "supervisord.txt").wait(30)
        wait_for(lambda: daemon.alive, 30, "supervisord of the kept moment")
        daemon.call("startAllProcesses")

    def start(
        self, artifacts: Path, words: tuple[str, ...], environment: Mapping[str, str] | None = None
    ) -> Command:
        """Start a playbook of the project as a person types it: playbook and arguments."""
        settings = {
            **QUICK,
            **{self.system.ports[name]: port for name, port in self.ports.items()},
            "local_root": str(self.home),
            "sign_off_root": str(self.directory / "sign_offs"),
        }
        inventory = self.system.inventory
        return start_playbook(self.cgroup, artifacts, inventory, words, settings, environment)

    def counters(self, point: Point) -> Path:
        """Where a failpoint counts; outside of the disk, so that it outlives its power."""
        return self.directory / "failpoint"

    def place(self, point: Point) -> str:
        """The same directory as the host names it."""
        return str(self.counters(point))

    def lose_host(self, command: Command, point: Point) -> None:
        """Cut the power in the middle of a command; it is back once the command is over.

        What runs on this machine is started at no boot, as units of systemd are: so it is here.
        """
        self.cut_power()
        command.wait()
        self.boot()
        self._start_services()

    def seen(self) -> list[Seen]:
        """What is true now on the only host."""
        return [look_at(self.home, self.system, self.services(), self.ports)]

    def serving(self, host: Seen) -> list[str]:
        """The services that must run on a host once a run is over."""
        return list(self.system.ports)

    def writing(self, scratch: Path) -> Load:
        """Users who write; all that they were acknowledged is in one log."""
        tools = ROOT / "examples" / self.system.name / "tools"
        return Load(self.url, scratch / "acknowledged.jsonl", tools)

    def _processes(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Every process of the world: its number, its command line, its environment."""
        for pid in (self.cgroup.path / "cgroup.procs").read_text(encoding="ascii").split():
            try:
                here = Path("/proc", pid)
                yield int(pid), (here / "cmdline").read_bytes(), (here / "environ").read_bytes()
            except OSError:  # it has just ended
                continue

    def services(self) -> list[int]:
        """The processes that belong to the system's services."""
        return [pid for pid, _, environ in self._processes() if f"{MARK}=".encode() in environ]

    def at_work(self) -> list[str]:
        """The command lines of commands and modules: all but services and their supervisord."""
        return [
            line.replace(b"\0", b" ").decode(errors="replace")
            for _, line, environ in self._processes()
            if line and b"supervisor.supervisord" not in line and f"{MARK}=".encode() not in environ
        ]

    def wait_until_idle(self, within: float = WITHIN) -> None:
        """Return once no command and no module of an earlier command is at work."""
        end = time.monotonic() + within
        while told := self.at_work():
            if time.monotonic() > end:
                raise TimeoutError(f"still at work after {within:g} s: {told}")
            time.sleep(0.05)
