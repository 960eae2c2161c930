"""Services under systemd."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import StepFailed
from ..files import fsync_dir
from .health import show
from .manager import ProcessState
from .model import Fleet, Service
from .unit import render_unit

UNITS = Path("/etc/systemd/system")
CGROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd")
DEADLINE = 60.0
"""Seconds that one call of systemctl may take."""

PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "ExecMainStatus",
    "MainPID",
    "NRestarts",
    "InvocationID",
    "UnitFileState",
    "FragmentPath",
    "DropInPaths",
)


@dataclass(frozen=True)
class Said:
    """What a command said."""

    status: int
    out: str
    err: str


Runner = Callable[[Sequence[str]], Said]


def run_systemctl(argv: Sequence[str]) -> Said:
    """Run systemctl or journalctl to its end, with nothing of our environment."""
    environment = {
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
        "LANG": "C.UTF-8",
        "SYSTEMD_COLORS": "0",
    }
    try:
        ended = subprocess.run(
            list(argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            timeout=DEADLINE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise StepFailed(f"{' '.join(argv[:2])} did not end within {DEADLINE:g} s") from error
    except FileNotFoundError as error:
        raise StepFailed(f"{argv[0]} is not on this host: it does not run systemd") from error
    return Said(
        ended.returncode,
        ended.stdout.decode("utf-8", "replace"),
        ended.stderr.decode("utf-8", "replace"),
    )


class Systemd:
    """The host's own service manager."""

    def __init__(self, run: Runner = run_systemctl, units: Path = UNITS) -> None:
        self.run = run
        self.units = units

    def unit_path(self, name: str) -> Path:
        """Where the unit file of a service lies."""
        return self.units / f"{name}.service"

    def render(self, service: Service, fleet: Fleet) -> str:
        """The unit file that a service must have."""
        return render_unit(service, fleet)

    def read(self, names: Iterable[str]) -> Mapping[str, ProcessState]:
        """What each of these services is now, from one call."""
        wanted = list(names)
        if not wanted:
            return {}
        units = [f"{name}.service" for name in wanted]
        said = self.must("show", f"--property={','.join(PROPERTIES)}", "--", *units)
        blocks = [block for block in said.out.split("\n\n") if block.strip()]
        if len(blocks) != len(wanted):
            raise StepFailed(f"systemctl shows {len(blocks)} units of {len(wanted)}")
        return {name: parse_state(block) for name, block in zip(wanted, blocks)}

    def pids(self, name: str) -> tuple[int, ...]:
        """Every process in the service's control group."""
        said = self.must("show", "--property=ControlGroup", "--value", "--", f"{name}.service")
        group = said.out.strip().lstrip("/")
        return read_cgroup(group) if group else ()

    def reload(self) -> None:
        """Read the unit files again."""
        self.must("daemon-reload")

    def enable(self, names: Iterable[str], on: bool) -> None:
        """Start these services at boot from now on, or not any more."""
        units = [f"{name}.service" for name in names]
        if not units:
            return
        self.must("enable" if on else "disable", "--quiet", "--", *units)
        # systemctl leaves its links to the page cache: a power loss would take them away again.
        for folder in (self.units, self.units / "multi-user.target.wants"):
            if folder.is_dir():
                fsync_dir(folder)

    def start(self, name: str) -> int:
        """Start a service; whether it lives is for those who watch it to see.

        systemctl's own status is not asked: it is 0 for a service that the guard held back.
        """
        self.run(["systemctl", "reset-failed", "--", f"{name}.service"])
        self.run(["systemctl", "start", "--", f"{name}.service"])
        return 0

    def stop(self, name: str) -> None:
        """Ask a service to end, and cancel whatever would start it again."""
        self.must("stop", "--no-block", "--", f"{name}.service")

    def kill(self, name: str) -> None:
        """Kill everything in the service's control group."""
        self.run(["systemctl", "kill", "--signal=SIGKILL", "--", f"{name}.service"])

    def last_words(self, name: str) -> list[str]:
        """The last lines of the service's journal."""
        unit = f"--unit={name}.service"
        said = self.run(["journalctl", unit, "--lines=20", "--no-pager", "--output=cat", "--quiet"])
        return [show(line, 300) for line in said.out.splitlines()[-20:]]

    def must(self, *arguments: str) -> Said:
        """Run systemctl; raise StepFailed with its words when it fails."""
        said = self.run(["systemctl", "--no-pager", *arguments])
        if said.status != 0:
            raise StepFailed(f"systemctl {arguments[0]} failed: {show(said.err or said.out, 500)}")
        return said


def parse_state(block: str) -> ProcessState:
    """One block of ``systemctl show``."""
    found = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
    load = found.get("LoadState", "not-found")
    files = (found.get("FragmentPath", ""), *found.get("DropInPaths", "").split())
    return ProcessState(
        exists=load not in ("not-found", "masked"),
        active=found.get("ActiveState", "inactive"),
        sub=found.get("SubState", "dead"),
        result=load if load in ("not-found", "masked") else found.get("Result", "success"),
        status=number(found.get("ExecMainStatus")),
        main_pid=number(found.get("MainPID")),
        restarts=number(found.get("NRestarts")),
        invocation=found.get("InvocationID", ""),
        enabled=found.get("UnitFileState") == "enabled",
        files=tuple(path for path in files if path),
    )


def number(text: str | None) -> int:
    """A number that systemd shows, 0 where it shows none."""
    return int(text) if text and text.isdigit() else 0


def read_cgroup(group: str) -> tuple[int, ...]:
    """Every process in a control group and those below it; none when it is gone."""
    for mount in CGROUPS:
        place = Path(mount) / group
        if place.is_dir():
            texts = (file.read_text() for file in place.rglob("cgroup.procs"))
            return tuple(sorted({int(pid) for text in texts for pid in text.split()}))
    return ()
