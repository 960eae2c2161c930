"""Starting a machine, and the three ways in which it goes down."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab import access, disk, network, units
from tests.lab.cgroup import Cgroup
from tests.lab.errors import LabError
from tests.lab.files import write
from tests.lab.home import Home, MachineFiles, held_descriptors
from tests.lab.spec import MachineSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

_STOPS_WITHIN = 60.0
# systemd's signal for "power off cleanly", and what makes nspawn give a machine a pure version 2
# hierarchy, its own /proc/sys/net, and leave /tmp to the machine's own fstab.
_POWER_OFF = signal.SIGRTMIN + 4
_NSPAWN_ENVIRONMENT = {
    "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
    "SYSTEMD_NSPAWN_TMPFS_TMP": "0",
}


def read_spec(files: MachineFiles) -> MachineSpec | None:
    """Return what a machine was made as; None when it was never wholly made."""
    if not files.spec.exists():
        return None
    made = json.loads(files.spec.read_text(encoding="utf-8"))
    return MachineSpec(**{**made, "units": tuple(made.get("units", ()))})


def boot(home: Home, spec: MachineSpec) -> None:
    """Start a machine, made first where it does not exist; does nothing to one that runs.

    Whatever a killed verb left half done is finished first. Returns when the machine has been
    started, not when it answers.
    """
    files, cgroup = home.machine(spec.name), Cgroup(spec.name)
    files.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _claim(files, spec)
    if files.going_down.exists():
        power_off(files)
    cgroup.path.mkdir(parents=True, exist_ok=True)
    cgroup.thaw()
    network.ensure_link(spec)
    if cgroup.is_populated():
        return
    disk.ensure_disk(files, spec.disk_bytes)
    disk.mount(files, home.tree)
    if not files.known_hosts.exists():
        units.enable(files.root, spec.units)
    access.ensure_identity(home, files, spec)
    _start(files, cgroup)


def stop(files: MachineFiles) -> None:
    """Shut a machine down cleanly and keep its disk."""
    cgroup = Cgroup(files.name)
    if cgroup.is_populated():
        files.going_down.write_text("stop", encoding="ascii")
        cgroup.thaw()
        os.kill(cgroup.leader(), _POWER_OFF)
        cgroup.wait_until_gone(_STOPS_WITHIN)
    disk.unmount(files)
    files.going_down.unlink(missing_ok=True)


def power_off(files: MachineFiles) -> None:
    """Take a machine's power away: silent on the network, and what was not synced is lost.

    The link goes first, so that no connection is closed in order.
    """
    cgroup = Cgroup(files.name)
    if files.directory.exists():
        files.going_down.write_text("power-off", encoding="ascii")
    network.set_link(files.name, up=False)
    if cgroup.is_populated():
        cgroup.freeze()
        disk.lose_power(files)
    cgroup.kill()
    disk.unmount(files)
    files.going_down.unlink(missing_ok=True)


def remove(files: MachineFiles) -> None:
    """Remove a machine and every trace of it; its directory, which says it exists, goes last."""
    power_off(files)
    network.remove_link(files.name)
    Cgroup(files.name).remove()
    for point in (files.disk, files.root):
        if point.exists():
            point.rmdir()
    for file in files.directory.glob("*"):
        file.unlink()
    if files.directory.exists():
        files.directory.rmdir()


def console_tail(files: MachineFiles) -> str:
    """Return the last lines a machine wrote on its console."""
    if not files.console.exists():
        return "(nothing was written on the console)"
    lines = files.console.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-8:])


def _claim(files: MachineFiles, spec: MachineSpec) -> None:
    """Record what the machine is made as; refuse to make another of one that exists."""
    known = read_spec(files)
    if known is None:
        write(files.spec, json.dumps(asdict(spec)))
    elif known != spec:
        raise LabError(
            f"{spec.name} exists with {_told(known)}, and is now asked for with {_told(spec)}; "
            "nothing was changed. Make it anew: python -m tests.lab up --fresh"
        )


def _told(spec: MachineSpec) -> str:
    served = f" and {', '.join(spec.units)}" if spec.units else ""
    return f"{spec.address}, {spec.disk_bytes} bytes of disk{served}"


def _start(files: MachineFiles, cgroup: Cgroup) -> None:
    """Hand the machine to its keeper; on return the cgroup is populated."""
    keeper = Path(__file__).with_name("keeper.py")
    command = [sys.executable, "-I", "-S", str(keeper), str(cgroup.path / "cgroup.procs")]
    with files.console.open("wb") as console:
        subprocess.run(
            [*command, *_nspawn(files)],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            env={**os.environ, **_NSPAWN_ENVIRONMENT},
            pass_fds=held_descriptors(),
            check=True,
        )


def _nspawn(files: MachineFiles) -> Sequence[str]:
    return [
        "systemd-nspawn",
        "--quiet",
        "--boot",
        "--register=no",
        "--keep-unit",
        f"--machine={files.name}",
        f"--directory={files.root}",
        "--capability=CAP_NET_ADMIN",
        f"--network-namespace-path=/run/netns/{network.namespace_of(files.name)}",
        "--link-journal=no",
        "--resolv-conf=off",
        "--timezone=off",
        "--console=pipe",
    ]
