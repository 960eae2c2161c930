"""One run at a time on a host, and a fence against one that wakes up late.

The lock is a directory that is prepared aside with its owner's record inside and renamed into
place, so that it never exists without saying whose it is. Whether it is held is told by errno,
never by an error's text: a full disk is not "locked". Each acquisition raises the epoch by one,
and a step of a lower epoch is refused, however long its controller slept.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .clock import Clock
from .errors import BadInput, LockHeld
from .files import (
    fsync_dir,
    make_private_dir,
    read_json,
    read_ordinary,
    write_atomic,
    write_json,
)

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

        A damaged record counts as held by an unknown run: it is never taken for free.
        """
        try:
            owner = read_json(self.directory / "owner.json")
        except FileNotFoundError:
            return {"run": "unknown"} if self.directory.exists() else None
        except ValueError:
            return {"run": "unknown"}
        return owner if isinstance(owner, dict) and "run" in owner else {"run": "unknown"}

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
        discard(aside)
        make_private_dir(aside)
        write_json(aside / "owner.json", {**owner, "run": run, "epoch": epoch})
        write_atomic(self.state / "epoch", b"%d\n" % epoch)
        try:
            aside.rename(self.directory)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                raise held_error(self.owner() or {"run": "unknown"}, self.state) from error
            raise
        fsync_dir(self.state)
        return epoch

    def take_over(self, run: str, owner: dict[str, Any]) -> int:
        """Give a dead holder's run to a new controller, with a higher epoch that fences the old."""
        epoch = self.epoch() + 1
        write_atomic(self.state / "epoch", b"%d\n" % epoch)
        make_private_dir(self.directory)
        write_json(self.directory / "owner.json", {**owner, "run": run, "epoch": epoch})
        return epoch

    def release(self) -> None:
        """Free the system. The caller has written the run's terminal entry."""
        if not self.directory.exists():
            return
        gone = self.state / f"lock.{os.getpid()}.released"
        self.directory.rename(gone)
        fsync_dir(self.state)
        shutil.rmtree(gone)

    def beat(self, clock: Clock) -> None:
        """Leave a sign of life, on the host's own clock."""
        write_json(
            self.state / "heartbeat.json", {"boot_id": clock.boot_id(), "mono": clock.mono()}
        )

    def is_stale(self, clock: Clock) -> bool:
        """Tell whether the last sign of life is old, judged by this host alone."""
        beat: Any = None
        with contextlib.suppress(FileNotFoundError, ValueError):
            beat = read_json(self.state / "heartbeat.json")
        if not isinstance(beat, dict) or beat.get("boot_id") != clock.boot_id():
            return True
        return not clock.mono() - float(beat.get("mono", 0.0)) <= STALE_AFTER


def discard(place: Path) -> None:
    """Leave nothing at a name of ours, whatever somebody put there."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISDIR(place.lstat().st_mode):
            shutil.rmtree(place)
        else:
            place.unlink()


def read_number(place: Path) -> bytes:
    """The digits in a file; anything else for what holds no number."""
    try:
        return read_ordinary(place, 32).strip()
    except ValueError:
        return b"no file"


def held_error(owner: dict[str, Any], state: Path) -> LockHeld:
    """The words for a system that another run holds."""
    run = owner.get("run", "unknown")
    return LockHeld(
        f"run {run} holds this system (epoch {owner.get('epoch', '?')}, "
        f"started by {owner.get('operator', '?')} on {owner.get('controller', '?')} "
        f"at {owner.get('started', '?')})",
        now=f"that run is still going, or it was killed; its lock is {state}/lock",
        untouched="this run changed nothing",
        next=f"wait for it; if it was killed, finish it: "
        f"ansible-playbook deploy.yml -i <inventory> -e release_version={owner.get('to', '?')} "
        f"-e resume={run}, or put it back: ansible-playbook playbooks/rollback.yml -i <inventory>",
    )
