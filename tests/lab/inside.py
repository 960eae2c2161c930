"""Reaching into a running machine from this side, also when its network is cut."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.cgroup import Cgroup
from tests.lab.commands import run
from tests.lab.errors import LabError

if TYPE_CHECKING:
    from tests.lab.home import MachineFiles


def directory_of(files: MachineFiles, path: str) -> Path:
    """Return a directory of the machine as this side reaches it, through the machine's mounts."""
    if not path.startswith("/"):
        raise LabError(f"{path!r} must be a full path in {files.name}")
    seen = Path(f"/proc/{Cgroup(files.name).leader()}/root{path}")
    if not seen.is_dir():
        raise LabError(f"{files.name} has no directory {path}; nothing was changed")
    return seen


def one_process_a_namespace(files: MachineFiles) -> list[int]:
    """Return a process of each mount namespace of the machine, its init first."""
    cgroup = Cgroup(files.name)
    processes: dict[str, int] = {}
    for process in [cgroup.leader(), *cgroup.processes()]:
        try:
            processes.setdefault(os.readlink(f"/proc/{process}/ns/mnt"), process)  # noqa: PTH115 - no path
        except OSError:  # ended since it was listed, and its namespace with it
            continue
    return list(processes.values())


def run_in_mounts_of(process: int, argv: list[str]) -> None:
    """Run a program of the machine in the mount namespace of one of its processes."""
    run(["nsenter", f"--target={process}", "--mount", "--", *argv])
