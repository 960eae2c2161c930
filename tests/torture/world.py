"""A system of this machine on a disk and in a cgroup of its own: so it can lose its power.

Everything that a command starts (modules, supervisord, services) stays in the cgroup, and all that
it keeps lies on one loop-mounted ext4 image. Cutting the power ends all of it at once and loses
what was not synced; going back to a moment is a copy of the image.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
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
from tests.torture.systems import QUICK, LocalSystem

ROOT = Path(__file__).resolve().parents[2]
PLACE = Path("/var/lib/stagegate-torture")
DISK_BYTES = 600 << 20
COMMAND_WITHIN = 300.0
INTERRUPTED_TWICE_AFTER = 0.2
PROGRAM = "ansible-playbook"
ENTER = """
import os, sys
with open(sys.argv[1], "w") as group:
    group.write(str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Command:
    """A playbook that has been started."""

    def __init__(self, process: subprocess.Popen[bytes], said: Path, artifacts: Path) -> None:
        self.process = process
        self.artifacts = artifacts
        self._said = said

    def is_over(self) -> bool:
        """Tell whether it has ended."""
        return self.process.poll() is not None

    def wait(self, within: float = COMMAND_WITHIN) -> int:
        """Return its exit status; raises TimeoutExpired for one that does not end."""
        return self.process.wait(within)

    def kill(self) -> None:
        """SIGKILL for the controller alone: what it started on hosts goes on."""
        self.process.kill()
        self.process.wait()

    def interrupt_twice(self) -> None:
        """Ctrl-C at a terminal, and once more by an impatient person."""
        for _ in range(2):
            os.killpg(self.process.pid, signal.SIGINT)
            try:
                self.process.wait(INTERRUPTED_TWICE_AFTER)
            except subprocess.TimeoutExpired:
                continue
            return

    def said(self) -> str:
        """Everything that it printed."""
        return self._said.read_text(encoding="utf-8", errors="replace")

    def verdict(self) -> str:
        """The verdict of the record that it wrote; empty without one."""
        records = sorted(self.artifacts.glob("*/record.json"), key=lambda p: p.stat().st_mtime)
        return str(json.loads(records[-1].read_text("utf-8"))["verdict"]) if records else ""


class World:
    """One local system, its disk, its processes, and the moments that can be gone back to."""

    def __init__(self, system: LocalSystem, place: Path = PLACE) -> None:
        self.system = system
        self.directory = place / system.name
        self.files = MachineFiles(f"tort-{system.name}"[:16], self.directory)
        self.cgroup = Cgroup(f"torture-{system.name}")
        self.home = self.files.disk
        self.state = self.home / "state" / system.name
        self.counters = self.directory / "failpoint"
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

    def make(self, ports: Mapping[str, int]) -> None:
        """Make an empty world, on a disk that nothing is on."""
        self.destroy()
        self.directory.mkdir(mode=0o700, parents=True)
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

    def saved(self, moment: str) -> bool:
        """Tell whether a moment was kept."""
        return (self.directory / f"{moment}.img").exists()

    def go_back(self, moment: str) -> None:
        """Be at a kept moment again, with the services running as they did."""
        self.rest()
        disk.copy_image(self.directory / f"{moment}.img", self.files.disk_image)
        self.boot()
        self._start_services()

    def _start_services(self) -> None:
        daemon = Daemon(self.state / "supervisor", self.system.name)
        argv = [sys.executable, "-I", "-m", "supervisor.supervisord", "-c", str(daemon.config)]
        self._inside(argv, stdout=subprocess.DEVNULL).wait(30)
        wait_for(lambda: daemon.alive, 30, "supervisord of the kept moment")
        daemon.call("startAllProcesses")

    def start(
        self, artifacts: Path, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> Command:
        """Start a playbook of the project as a person types it: playbook and arguments."""
        artifacts.mkdir(parents=True, exist_ok=True)
        settings = {
            **QUICK,
            **self.system.settings,
            **{self.system.ports[name]: port for name, port in self.ports.items()},
            "local_root": str(self.home),
            "sign_off_root": str(self.directory / "sign_offs"),
            "report_artifacts": str(artifacts),
            "smoke_artifacts": str(artifacts),
        }
        program = str(Path(sys.executable).with_name(PROGRAM))
        argv = [program, *arguments, "-i", self.system.inventory, "-e", json.dumps(settings)]
        said = artifacts / "output.txt"
        with said.open("wb") as output:
            process = self._inside(argv, stdout=output, environment=environment)
        return Command(process, said, artifacts)

    def _inside(
        self, argv: list[str], stdout: object, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program in the world's cgroup, as a session of its own."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE_", "PYTEST_"))}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        configured = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), **(environment or {})}
        entering = [sys.executable, "-I", "-S", "-c", ENTER, str(self.cgroup.path / "cgroup.procs")]
        return subprocess.Popen(
            [*entering, *argv],
            cwd=ROOT,
            env={**kept, **configured},
            stdin=subprocess.DEVNULL,
            stdout=stdout,  # type: ignore[call-overload]
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

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

    def wait_until_idle(self, within: float = COMMAND_WITHIN) -> None:
        """Return once no command and no module of an earlier command is at work."""
        end = time.monotonic() + within
        while told := self.at_work():
            if time.monotonic() > end:
                raise TimeoutError(f"still at work after {within:g} s: {told}")
            time.sleep(0.05)
