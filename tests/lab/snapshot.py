"""Disks as a power loss would leave them, kept and put back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.lab import disk
from tests.lab.cgroup import Cgroup
from tests.lab.commands import run
from tests.lab.errors import LabError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.home import MachineFiles

_RESTS_WITHIN = 60.0


def take(files: MachineFiles, target: Path) -> None:
    """Copy the disk as a power loss in this moment would leave it, the machine frozen meanwhile.

    What a process wrote and did not sync is missing in the copy, unless the kernel had written it
    out.
    """
    if not files.disk_image.exists():
        raise LabError(f"{files.name} has no disk; boot it first: python -m tests.lab up")
    if not target.parent.is_dir():
        raise LabError(f"{target.parent} is no directory; no snapshot was taken")
    cgroup = Cgroup(files.name)
    if not cgroup.is_populated():
        disk.copy_image(files.disk_image, target)
        return
    cgroup.freeze()
    try:
        _copy_at_rest(files, target)
    finally:
        cgroup.thaw()


def put(files: MachineFiles, source: Path) -> None:
    """Put a snapshot of this same machine in the place of its disk; the machine is off."""
    disk.copy_image(source, files.disk_image)


def check(files: MachineFiles, source: Path) -> None:
    """Refuse a snapshot that is none of this machine: its host key would be another's."""
    if not source.is_file():
        raise LabError(f"there is no snapshot {source}; {files.name} was not touched")
    label = run(["e2label", source]).strip()
    if label != files.name:
        raise LabError(f"{source} is a disk of {label or 'nobody'}; {files.name} was not touched")


def _copy_at_rest(files: MachineFiles, target: Path) -> None:
    end = time.monotonic() + _RESTS_WITHIN
    while not disk.copy_unchanging(files, target):
        if time.monotonic() > end:
            raise LabError(f"the disk of {files.name} did not come to rest in {_RESTS_WITHIN:g} s")
