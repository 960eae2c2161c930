"""Where the lab keeps its things, and the lock that every verb holds."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# The inventories name this path literally (`ansible_ssh_common_args`), hence no setting for it.
HOME = Path("/var/lib/stagegate-lab")

_held: set[int] = set()


def held_descriptors() -> tuple[int, ...]:
    """Return the lock this process holds, for a child to inherit.

    A child that outlives a killed verb (a mount under way, half a download) keeps the lock until it
    is done, so the next verb never meets it at work.
    """
    return tuple(_held)


@dataclass(frozen=True)
class MachineFiles:
    """What belongs to one machine, all of it in one directory: made first and removed last."""

    name: str
    directory: Path

    @property
    def spec(self) -> Path:
        """The machine's MachineSpec as JSON."""
        return self.directory / "machine.json"

    @property
    def disk_image(self) -> Path:
        """The sparse file that is the machine's disk."""
        return self.directory / "disk.img"

    @property
    def disk(self) -> Path:
        """Where the disk is mounted on this side."""
        return self.directory / "disk"

    @property
    def root(self) -> Path:
        """The machine's root file system: the image seen through its disk."""
        return self.directory / "root"

    @property
    def console(self) -> Path:
        """What the machine wrote on its console since it was last started."""
        return self.directory / "console.log"

    @property
    def known_hosts(self) -> Path:
        """The machine's host key; exists once the machine has an identity."""
        return self.directory / "known_hosts"

    @property
    def going_down(self) -> Path:
        """Exists while the machine is being taken down; says how, for who finds it half done."""
        return self.directory / "going-down"

    @property
    def ballast(self) -> Path:
        """The directories that hold ballast, a line each."""
        return self.directory / "ballast"


@dataclass(frozen=True)
class Home:
    """The lab's directory; only root can enter it."""

    path: Path = HOME

    @property
    def image(self) -> Path:
        """The finished image: `tree/` and the `recipe.json` it was made from."""
        return self.path / "image"

    @property
    def tree(self) -> Path:
        """The read-only root that all machines share."""
        return self.image / "tree"

    @property
    def machines(self) -> Path:
        """What all machines have; a mount point, see disk.share."""
        return self.path / "machines"

    @property
    def key(self) -> Path:
        """The key that opens every machine."""
        return self.path / "id_ed25519"

    @property
    def ssh_config(self) -> Path:
        """All that ssh needs to reach any machine, for everybody."""
        return self.path / "ssh_config"

    @property
    def known_hosts(self) -> Path:
        """The host keys of all machines."""
        return self.path / "known_hosts"

    @property
    def inotify_before(self) -> Path:
        """The kernel's limit as it was before the lab raised it."""
        return self.path / "inotify-before"

    def machine(self, name: str) -> MachineFiles:
        """Return the places of one machine, whether it exists or not."""
        return MachineFiles(name, self.machines / name)

    def names(self) -> list[str]:
        """Return every machine of which anything exists."""
        return sorted(entry.name for entry in self.machines.glob("*") if entry.is_dir())

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lab for one verb: bridge, keys and machines have one hand on them at a time."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _held.add(descriptor)
            yield
        finally:
            _held.discard(descriptor)
            os.close(descriptor)
