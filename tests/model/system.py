"""A simulated system below the real core: its files, locks, processes and clocks.

``beneath_the_core`` leads the names by which the core reaches the world (``os``, ``Path``,
``fcntl``, ``shutil``, ``time``, ``datetime``) to the machine whose process is at work. Every call
is a point at which a process may be killed, the power cut, the disk full, or another process run
first.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any

from stagegate import clock, files, journal, ledger, lock, reserve, step_lock

from .disk import Directory, Disk, File, Link, Node, failure

BOOT_ID = "/proc/sys/kernel/random/boot_id"
PIDS = 40
"""Process numbers are few, so that they are used again."""


class Killed(BaseException):
    """The process is gone; nothing in it goes on, not even its clean-up."""


@dataclass
class Machine:
    """One host: what outlives a process, and what outlives a boot."""

    name: str
    chance: Random
    disk: Disk = field(default_factory=Disk)
    boot: int = 1
    up: bool = True
    mono: float = 1000.0
    wall: float = 1_700_000_000.0
    full: bool = False
    flocks: dict[int, Process] = field(default_factory=dict)
    told: dict[int, bytes] = field(default_factory=dict)
    """The lines of which some process was told that they are on the disk, by their number."""
    pids: int = 0

    def cut_power(self) -> None:
        """Lose all processes, and what was not synced."""
        self.disk.cut(self.chance)
        self.boot, self.up, self.mono, self.full = self.boot + 1, False, 1.0, False
        self.flocks.clear()

    def boot_up(self) -> None:
        """Start again; the kernel names the boot anew."""
        self.up = True

    def spend(self, seconds: float) -> None:
        """Let time pass."""
        self.mono += seconds
        self.wall += seconds


@dataclass(eq=False)
class Process:
    """One module at work; ``fuses`` are what happens at its n-th call of the system."""

    machine: Machine
    who: str
    fuses: dict[int, Callable[[], None]] = field(default_factory=dict)
    calls: int = 0
    dead: bool = False
    boot: int = 0
    pid: int = 0
    opened: dict[int, tuple[Node, int]] = field(default_factory=dict)
    sync_fails: bool = False

    def enter(self, writes: bool = False) -> Disk:
        """Count a call of the system, and let happen what is due at it."""
        machine = self.machine
        self.calls += 1
        machine.mono += 0.001
        fuse = self.fuses.get(self.calls)
        if fuse is not None and not self.dead:
            fuse()
        if self.dead or machine.boot != self.boot:
            raise Killed
        if writes and machine.full:
            raise failure(errno.ENOSPC, self.who)
        return machine.disk

    def end(self) -> None:
        """Give back what the kernel gives back."""
        self.opened.clear()
        for key, owner in list(self.machine.flocks.items()):
            if owner is self:
                del self.machine.flocks[key]


class Current:
    """The process whose call is being served."""

    process: Process


@contextlib.contextmanager
def running(process: Process) -> Iterator[Process]:
    """Put a process to work; one that was at work before waits until it has ended."""
    before = Current.__dict__.get("process")
    machine = process.machine
    machine.pids = machine.pids % PIDS + 1
    process.boot, process.pid = machine.boot, machine.pids
    Current.process = process
    try:
        yield process
    finally:
        process.end()
        if before is not None:
            Current.process = before


def status_of(node: Node) -> os.stat_result:
    """What the kernel says of a node: its kind and mode, one name, of root."""
    mode = stat.S_IFDIR | node.mode if isinstance(node, Directory) else stat.S_IFREG | 0o600
    return os.stat_result((mode, 0, 0, 1, *[0] * 6))


class Place:
    """What the core asks of a ``Path``, answered by the machine at work."""

    __slots__ = ("text",)

    def __init__(self, text: object) -> None:
        self.text = str(text)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __truediv__(self, name: object) -> Place:
        return Place(f"{self.text}/{name}")

    @property
    def name(self) -> str:
        return self.text.rpartition("/")[2]

    @property
    def parent(self) -> Place:
        return Place(self.text.rpartition("/")[0] or "/")

    @property
    def parents(self) -> list[Place]:
        parts = self.text.split("/")[1:]
        return [Place("/" + "/".join(parts[:end])) for end in range(len(parts) - 1, -1, -1)]

    def with_name(self, name: str) -> Place:
        return Place(f"{self.text.rpartition('/')[0]}/{name}")

    def exists(self) -> bool:
        if self.text in ("/", BOOT_ID):
            return True
        return Current.process.enter().find(self.text) is not None

    def is_dir(self) -> bool:
        return isinstance(Current.process.enter().find(self.text), Directory)

    def is_symlink(self) -> bool:
        return isinstance(Current.process.enter().find(self.text), Link)

    def readlink(self) -> Place:
        node = Current.process.enter().need(self.text)
        if not isinstance(node, Link):
            raise failure(errno.EINVAL, self.text)
        return Place(node.target)

    def read_bytes(self) -> bytes:
        node = Current.process.enter().need(self.text)
        if not isinstance(node, File):
            raise failure(errno.EISDIR, self.text)
        return node.data

    def read_text(self) -> str:
        if self.text == BOOT_ID:
            machine = Current.process.machine
            return f"{machine.name}-{machine.boot}\n"
        return self.read_bytes().decode()

    def write_bytes(self, data: bytes) -> None:
        handle = Os.open(self, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        Os.write(handle, data)
        Os.close(handle)

    def mkdir(self, mode: int = 0o777) -> None:
        Current.process.enter(writes=True).add(self.text, Directory(mode=mode))

    def chmod(self, mode: int) -> None:
        node = Current.process.enter().need(self.text)
        if isinstance(node, Directory):
            node.mode = mode

    def stat(self) -> os.stat_result:
        return status_of(Current.process.enter().need(self.text))

    def unlink(self) -> None:
        Current.process.enter().remove(self.text)

    def rename(self, target: Place) -> None:
        Current.process.enter(writes=True).rename(self.text, str(target))

    def symlink_to(self, target: str) -> None:
        Current.process.enter(writes=True).add(self.text, Link(str(target)))


class Handle:
    """What ``os.fdopen`` gives: the file to read, or a buffer that is written at the flush."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.buffer = b""

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()
        Os.close(self.descriptor)

    def fileno(self) -> int:
        return self.descriptor

    def read(self, most: int = -1) -> bytes:
        Current.process.enter()
        node, _ = Current.process.opened[self.descriptor]
        assert isinstance(node, File)
        return node.data if most < 0 else node.data[:most]

    def write(self, data: bytes) -> None:
        self.buffer += data

    def flush(self) -> None:
        if self.buffer:
            Os.write(self.descriptor, self.buffer)
            self.buffer = b""


class Os:
    """What the core asks of ``os``."""

    O_RDONLY, O_WRONLY, O_RDWR = os.O_RDONLY, os.O_WRONLY, os.O_RDWR
    O_CREAT, O_EXCL, O_APPEND, O_TRUNC = os.O_CREAT, os.O_EXCL, os.O_APPEND, os.O_TRUNC
    O_NOFOLLOW, O_CLOEXEC, O_DIRECTORY = os.O_NOFOLLOW, os.O_CLOEXEC, os.O_DIRECTORY
    O_NONBLOCK = os.O_NONBLOCK
    fdopen = staticmethod(lambda descriptor, _mode: Handle(descriptor))

    @staticmethod
    def getpid() -> int:
        return Current.process.pid

    @staticmethod
    def open(path: object, flags: int, _mode: int = 0o777) -> int:
        process = Current.process
        disk, place = process.enter(), str(path)
        node = disk.find(place)
        if node is None:
            if not flags & os.O_CREAT:
                raise failure(errno.ENOENT, place)
            process.enter(writes=True)
            node = File()
            disk.add(place, node)
        elif flags & os.O_EXCL:
            raise failure(errno.EEXIST, place)
        elif isinstance(node, Link):
            raise failure(errno.ELOOP, place)
        elif flags & os.O_TRUNC and isinstance(node, File):
            node.data = b""
        number = max(process.opened, default=2) + 1
        process.opened[number] = (node, flags)
        return number

    @staticmethod
    def close(descriptor: int) -> None:
        process = Current.process
        node, _ = process.opened.pop(descriptor, (None, 0))
        if process.machine.flocks.get(id(node)) is process:
            del process.machine.flocks[id(node)]

    @staticmethod
    def write(descriptor: int, data: bytes) -> int:
        """Append; a disk that fills up in the middle takes a part of it."""
        process = Current.process
        node, _ = process.opened[descriptor]
        assert isinstance(node, File)
        before = process.machine.full
        if before:
            raise failure(errno.ENOSPC, process.who)
        with contextlib.suppress(OSError):
            process.enter(writes=True)
        taken = len(data)
        if process.machine.full:
            taken = process.machine.chance.randrange(len(data))
        node.data += data[:taken]
        return taken

    @staticmethod
    def fsync(descriptor: int) -> None:
        process = Current.process
        process.enter()
        node, _ = process.opened[descriptor]
        if process.sync_fails:
            process.sync_fails = False
            raise failure(errno.EIO, process.who)
        if isinstance(node, Directory):
            node.sync()
        elif isinstance(node, File):
            node.kept = node.data

    fdatasync = fsync

    @staticmethod
    def posix_fallocate(_descriptor: int, _offset: int, _length: int) -> None:
        Current.process.enter(writes=True)

    @staticmethod
    def fstat(descriptor: int) -> os.stat_result:
        node, _ = Current.process.opened[descriptor]
        return status_of(node)

    @staticmethod
    def fchmod(_descriptor: int, _mode: int) -> None:
        Current.process.enter()

    @staticmethod
    def ftruncate(descriptor: int, length: int) -> None:
        process = Current.process
        process.enter()
        node, _ = process.opened[descriptor]
        assert isinstance(node, File)
        node.data = node.data[:length]


class Shutil:
    """What the core asks of ``shutil``."""

    @staticmethod
    def rmtree(path: Place) -> None:
        disk = Current.process.enter()
        node = disk.need(str(path))
        assert isinstance(node, Directory)
        for name in list(node.names):
            Current.process.enter()
            del node.names[name]
        Current.process.enter().remove(str(path))


class Fcntl:
    """What the core asks of ``fcntl``: a lock that the kernel frees with its holder."""

    LOCK_EX, LOCK_NB = 2, 4

    @staticmethod
    def flock(descriptor: int, _operation: int) -> None:
        process = Current.process
        process.enter()
        node, _ = process.opened[descriptor]
        owner = process.machine.flocks.setdefault(id(node), process)
        if owner is not process:
            raise BlockingIOError(errno.EWOULDBLOCK, "held")


class Time:
    """What the core asks of ``time``; a sleep is long here, so that a wait has few steps."""

    @staticmethod
    def monotonic() -> float:
        return Current.process.machine.mono

    @staticmethod
    def sleep(seconds: float) -> None:
        Current.process.enter()
        Current.process.machine.spend(seconds * 100)


class DateTime:
    """What the core asks of ``datetime``."""

    @staticmethod
    def now(zone: timezone) -> datetime:
        wall = Current.process.machine.wall
        return datetime(1970, 1, 1, tzinfo=zone) + timedelta(seconds=wall)


def witnessed(append: Callable[..., ledger.Ledger]) -> Callable[..., ledger.Ledger]:
    """The core's own append; whoever returns from it relies on the entry."""

    def append_entry(path: Place, entry: ledger.Entry, before: ledger.Ledger) -> ledger.Ledger:
        after = append(path, entry, before)
        Current.process.machine.told[entry.seq] = entry.line()
        return after

    return append_entry


NAMES: tuple[tuple[Any, dict[str, Any]], ...] = (
    (files, {"os": Os, "Path": Place}),
    (ledger, {"os": Os, "Path": Place}),
    (lock, {"os": Os, "shutil": Shutil}),
    (reserve, {"os": Os}),
    (journal, {"Path": Place}),
    (step_lock, {"os": Os, "fcntl": Fcntl, "time": Time}),
    (clock, {"time": Time, "Path": Place, "datetime": DateTime}),
)


@contextlib.contextmanager
def beneath_the_core() -> Iterator[None]:
    """Lead the core's names of the world to the simulated system.

    The proof of a line, a pure function that is asked for the same lines again and again, is
    remembered meanwhile.
    """
    remembered = functools.lru_cache(maxsize=4096)(ledger.parse_line)
    heard = witnessed(journal.append_entry)
    wanted = (*NAMES, (ledger, {"parse_line": remembered}), (journal, {"append_entry": heard}))
    before = [(module, name, getattr(module, name)) for module, to in wanted for name in to]
    for module, names in wanted:
        for name, value in names.items():
            setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)
