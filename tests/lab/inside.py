"""Reaching into a running machine from this side, also when its network is cut."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.cgroup import Cgroup
from tests.lab.commands import run
from tests.lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.home import MachineFiles

# What ssh says when it reaches nobody; so does run_inside of a machine that is off.
UNREACHABLE = 255
_ENVIRONMENT = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "LOGNAME": "root",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "USER": "root",
}
# In the machine's group, a program is frozen and ends with it, as one that came by ssh would.
_JOIN = 'echo $$ > "$0" && exec "$@"'


def run_inside(name: str, argv: Sequence[str], given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program in a machine as root, past its network and its sshd; 255 when it is off."""
    cgroup = Cgroup(name)
    try:
        leader = cgroup.leader()
    except LabError as error:
        return subprocess.CompletedProcess(list(argv), UNREACHABLE, "", str(error))
    enter = ["nsenter", f"--target={leader}", "--mount", "--uts", "--ipc", "--net", "--pid"]
    procs = str(cgroup.path / "payload/init.scope/cgroup.procs")
    done = subprocess.run(
        ["sh", "-c", _JOIN, procs, *enter, "--cgroup", "--root", "--wd", "--", *argv],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        env=_ENVIRONMENT,
    )
    ended = done.returncode if done.returncode >= 0 else UNREACHABLE
    return subprocess.CompletedProcess(list(argv), ended, done.stdout, done.stderr)


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
