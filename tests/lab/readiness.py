"""When a machine can be worked with."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from tests.lab.cgroup import Cgroup
from tests.lab.errors import LabError
from tests.lab.inside import run_inside
from tests.lab.power import console_tail

if TYPE_CHECKING:
    from tests.lab.home import Home
    from tests.lab.spec import MachineSpec

READY_WITHIN = 60.0
_POLL_SECONDS = 0.05


def wait_until_ready(home: Home, spec: MachineSpec) -> None:
    """Return once ssh answers and systemd has settled; failed units are a LabError."""
    end = time.monotonic() + READY_WITHIN
    while not _greets(spec.address):
        if not Cgroup(spec.name).is_populated():
            raise _unready(home, spec, "died while it booted")
        if time.monotonic() > end:
            raise _unready(home, spec, f"does not answer on ssh after {READY_WITHIN:g} s")
        time.sleep(_POLL_SECONDS)
    state = run_inside(spec.name, ["systemctl", "is-system-running", "--wait"]).stdout.strip()
    if state != "running":
        failed = run_inside(spec.name, ["systemctl", "--failed", "--plain", "--no-legend"]).stdout
        raise _unready(home, spec, f"is {state or 'not reachable'}: {failed.strip()}")


def _greets(address: str) -> bool:
    """Tell whether sshd sends its banner; a port that only accepts may be of a dying machine."""
    try:
        with socket.create_connection((address, 22), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _unready(home: Home, spec: MachineSpec, what: str) -> LabError:
    tail = console_tail(home.machine(spec.name))
    return LabError(
        f"{spec.name} ({spec.address}) {what}. The last lines of its console:\n{tail}\n"
        "Other machines were not touched. Make it anew: python -m tests.lab up --fresh"
    )
