"""One run at a time on a host, and a fence against one that wakes up late.

The lock is a directory that is prepared aside with its owner's record inside and renamed into
place, so that it never exists without saying whose it is. Whether it is held is told by errno,
never by an error's text: a full disk is not "locked". Each acquisition raises the epoch by one,
and a step of a lower epoch is refused, however long its controller slept.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .clock import Clock, SystemClock
from .errors import BadInput, LockHeld
from .files import (
    fsync_dir,
    make_private_dir,
    read_json,
    read_ordinary,
    write_atomic,
    write_json,
)

VERSION = 1
"""The form of an owner's record."""
NOBODY_KNOWN = "unknown"
"""The name of a holder whose record cannot be read: held all the same."""
STALE_AFTER = 120.0
"""Seconds without a sign of life after which a holder counts as dead. Every step renews the sign,
and a step that is still at work holds the step lock, whatever its age."""


@dataclass(frozen=True)
class Lock:
    """The lock of one system on one host, below its state directory."""

    state: Path

    @property
    def directory(self) -> Path:
        """Exists while a run holds the system."""
        return self.state / "lock"

    def owner(self) -> dict[str, Any] | None:
        """Who holds the system: run, epoch, operator, controller; None when it is free.

        A record that is damaged, or of another version, counts as held by an unknown run: it is
        never taken for free.
        """
        unknown = {"run": NOBODY_KNOWN}
        try:
            owner = read_json(self.directory / "owner.json")
        except FileNotFoundError:
            there = self.directory.exists() or self.directory.is_symlink()
            return unknown if there else None
        except (ValueError, NotADirectoryError):
            return unknown
        if not isinstance(owner, dict) or not isinstance(owner.get("run"), str):
            return unknown
        return owner if owner.get("v", VERSION) == VERSION else unknown

    def epoch(self) -> int:
        """The number of acquisitions so far."""
        place = self.state / "epoch"
        text = b"0"
        with contextlib.suppress(FileNotFoundError):
            text = read_number(place)
        if not text.isdigit():
            raise BadInput(
                f"{place} does not hold a number",
                now="nothing was done",
                untouched="every service and all data",
                next=f"write the highest epoch of {self.state}/ledger.jsonl into it",
                code=30,
            )
        return int(text)

    def acquire(self, run: str, owner: dict[str, Any]) -> int:
        """Take the lock for a run and return its epoch. The caller holds the step lock.

        Raises LockHeld with the holder's facts; any other trouble is raised as the OSError it is.
        """
        held = self.owner()
        if held is not None:
            raise held_error(held, self.state)
        epoch = self.epoch() + 1
        aside = self.state / f"lock.{run}.new"
        remove_tree(aside)
        try:
            make_private_dir(aside)
            write_json(aside / "owner.json", {**owner, "v": VERSION, "run": run, "epoch": epoch})
            write_atomic(self.state / "epoch", b"%d\n" % epoch)
            aside.rename(self.directory)
        except OSError as error:
            remove_tree(aside)
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise held_error(self.owner() or {"run": NOBODY_KNOWN}, self.state) from error
            raise
        fsync_dir(self.state)
        return epoch

    def take_over(self, run: str, owner: dict[str, Any]) -> int:
        """Give a dead holder's run to a new controller, with a higher epoch that fences the old.

        What stands in place of a lock and is none is kept beside it.
        """
        epoch = self.epoch() + 1
        write_atomic(self.state / "epoch", b"%d\n" % epoch)
        if self.directory.is_symlink() or not self.directory.is_dir():
            with contextlib.suppress(FileNotFoundError):
                self.directory.rename(self.state / f"lock.{epoch}.kept")
        make_private_dir(self.directory)
        mine = {**owner, "v": VERSION, "run": run, "epoch": epoch}
        write_json(self.directory / "owner.json", mine)
        return epoch

    def release(self) -> None:
        """Free the system. The caller has written the run's terminal entry."""
        gone = self.state / f"lock.{os.getpid()}.released"
        remove_tree(gone)  # a process of that number may have died before it had removed its own
        with contextlib.suppress(FileNotFoundError):
            self.directory.rename(gone)
            fsync_dir(self.state)
            remove_tree(gone)

    def beat(self, clock: Clock) -> None:
        """Leave a sign of life, on the host's own clock."""
        write_json(
            self.state / "heartbeat.json", {"boot_id": clock.boot_id(), "mono": clock.mono()}
        )

    def silence(self, clock: Clock) -> float | None:
        """Seconds since the last sign of life, by this host's own steady clock.

        None when there is no sign of this boot, or none that can be read: then nobody lives.
        """
        beat: Any = None
        with contextlib.suppress(FileNotFoundError, ValueError):
            beat = read_json(self.state / "heartbeat.json")
        if not isinstance(beat, dict) or beat.get("boot_id") != clock.boot_id():
            return None
        mono = beat.get("mono")
        if not isinstance(mono, (int, float)) or not math.isfinite(mono):
            return None
        return max(0.0, clock.mono() - mono)

    def is_stale(self, clock: Clock) -> bool:
        """Tell whether the last sign of life is old, judged by this host alone."""
        silence = self.silence(clock)
        return silence is None or silence > STALE_AFTER


def remove_tree(place: Path) -> None:
    """Remove what is in place of a lock, whatever it is; nothing happens when there is none."""
    with contextlib.suppress(FileNotFoundError):
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink()


def read_number(place: Path) -> bytes:
    """The digits in a file; anything else for what holds no number."""
    try:
        return read_ordinary(place, 32).strip()
    except ValueError:
        return b"no file"


def told_silence(silence: float | None) -> str:
    """How long nobody has been seen at work, in words."""
    if silence is None:
        return "no step of it since the host was booted"
    return f"its last step was at work {silence:.0f} s ago"


def held_error(owner: dict[str, Any], state: Path, clock: Clock | None = None) -> LockHeld:
    """The words for a system that another run holds, and which command leads on."""
    now, following = way_on(owner, state)
    return LockHeld(
        f"run {owner.get('run', NOBODY_KNOWN)} holds this system (epoch {owner.get('epoch', '?')}, "
        f"started by {owner.get('operator', '?')} on {owner.get('controller', '?')} "
        f"at {owner.get('started', '?')}; "
        f"{told_silence(Lock(state).silence(clock or SystemClock()))})",
        now=now,
        untouched="this run changed nothing",
        next=following,
    )


def way_on(owner: dict[str, Any], state: Path) -> tuple[str, str]:
    """What a held system means, and what to do about it."""
    run, wanted = owner.get("run", NOBODY_KNOWN), owner.get("to")
    back = "put it back: ansible-playbook playbooks/rollback.yml -i <inventory>"
    if run == NOBODY_KNOWN:
        return (
            f"{state}/lock cannot be read; the ledger knows of no unfinished run",
            "look who is at work; if nobody is, free it: "
            f"ansible-playbook playbooks/unlock.yml -i <inventory> -e unlock={run}",
        )
    if owner.get("fenced"):
        return f"it ended as fenced: its services are held; its lock is {state}/lock", back
    finish = (
        f"finish it: ansible-playbook deploy.yml -i <inventory> -e release_version={wanted} "
        f"-e resume={run}, or "
    )
    return (
        f"that run is still going, or it was killed; its lock is {state}/lock",
        f"wait for it; if it was killed, {finish if wanted else ''}{back}",
    )
