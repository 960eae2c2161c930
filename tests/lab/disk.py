"""A machine's disk: a sparse ext4 image, mounted through a loop device, under an overlay.

The image holds the machine's own layer over the shared tree, so it can fill up, lose power and be
copied. That costs nothing measurable at boot; copying the tree instead would cost 2.5-6.4 s a
machine.
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.commands import run, wait_for
from tests.lab.mounts import is_mounted, loop_devices, mounts_below

if TYPE_CHECKING:
    from tests.lab.home import MachineFiles

# ioctl FS_IOC_SHUTDOWN with "do not even flush the log", from linux/ext4.h.
_FS_IOC_SHUTDOWN = 0x8004587D
_NO_LOG_FLUSH = struct.pack("I", 2)
_LOOP_LETS_GO_WITHIN = 10.0


def ensure_disk(files: MachineFiles, size: int) -> None:
    """Make the machine's empty disk unless it has one. `size` is in bytes.

    It carries the machine's name as label; no block is reserved, so full is full for root too.
    """
    if files.disk_image.exists():
        return
    new = files.directory / "disk.new"
    new.unlink(missing_ok=True)
    with new.open("wb") as image:
        image.truncate(size)
    run(["mkfs.ext4", "-q", "-m", "0", "-b", "4096", "-E", "nodiscard", "-L", files.name, new])
    new.rename(files.disk_image)


def share(machines: Path) -> None:
    """Let an unmount of any disk reach every machine.

    A machine starts with a hidden copy of all mounts of this side. Where those are private, one
    machine kept the disk of another in use after that was off, and writes still in memory would
    have gone to it beside those of its next boot.
    """
    machines.mkdir(mode=0o700, exist_ok=True)
    if not is_mounted(machines):
        run(["mount", "--bind", machines, machines])
    run(["mount", "--make-shared", machines])


def unshare(machines: Path) -> None:
    """Take `share` back; no machine is left."""
    while is_mounted(machines):
        run(["umount", machines])
    if machines.exists():
        machines.rmdir()


def mount(files: MachineFiles, tree: Path) -> None:
    """Put the machine's root file system together."""
    for directory in (files.disk, files.root):
        directory.mkdir(exist_ok=True)
    if not is_mounted(files.disk):
        wait_until_unused(files)
        run(["mount", "-o", "loop", files.disk_image, files.disk])
    upper, work = files.disk / "upper", files.disk / "work"
    if not is_mounted(files.root):
        upper.mkdir(exist_ok=True)
        work.mkdir(exist_ok=True)
        layers = f"lowerdir={tree},upperdir={upper},workdir={work}"
        run(["mount", "-t", "overlay", files.name, "-o", layers, files.root])


def unmount(files: MachineFiles) -> None:
    """Take the root file system apart and wait until the disk is free."""
    for point in mounts_below(files.root) + mounts_below(files.disk):
        run(["umount", point])
    wait_until_unused(files)


def wait_until_unused(files: MachineFiles) -> None:
    """Return once no loop device has the disk.

    A dead machine's mounts go a moment after its last process; the disk mounted a second time
    before that would be written by two file systems.
    """
    wait_for(
        lambda: not loop_devices(files.disk_image),
        _LOOP_LETS_GO_WITHIN,
        f"the release of {files.disk_image}",
    )


def lose_power(files: MachineFiles) -> None:
    """Cut the disk off as a power loss does: what is not on it now never gets there.

    Without this, what a dead machine wrote and never synced would survive in this side's page
    cache.
    """
    if not is_mounted(files.disk):
        return
    descriptor = os.open(files.disk, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(descriptor, _FS_IOC_SHUTDOWN, _NO_LOG_FLUSH)
    finally:
        os.close(descriptor)


def copy_image(source: Path, target: Path) -> None:
    """Copy a disk image to a file, holes as holes; the file appears whole or not at all."""
    _copy(source, target).rename(target)


def copy_unchanging(files: MachineFiles, target: Path) -> bool:
    """Copy the disk of a machine that stands still; False, and no copy, when it did not.

    What processes wrote before they were stopped is still on its way to the disk. The device's own
    counters tell whether any of it arrived during the copy, which would then be of no one moment.
    """
    before = _traffic(files)
    new = _copy(files.disk_image, target)
    if before[0] != "0" or before != _traffic(files):
        return False
    new.rename(target)
    return True


def _copy(source: Path, target: Path) -> Path:
    new = target.with_name(target.name + ".new")
    run(["cp", "--sparse=always", "--reflink=auto", source, new])
    return new


def _traffic(files: MachineFiles) -> list[str]:
    """Return the disk's requests under way, then its writes, discards and flushes so far.

    The fields are those of Documentation/block/stat.rst.
    """
    (device,) = loop_devices(files.disk_image)
    fields = Path(f"/sys/block/{device}/stat").read_text(encoding="ascii").split()
    return [fields[8], *fields[4:7], *fields[11:]]
