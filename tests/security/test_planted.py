"""Nothing is written through what somebody planted at a name that we are going to use.

Links of another owner in a folder that everybody can write to are followed here as they were
before ``protected_symlinks``: where that is on, the kernel refuses some of these by itself.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stagegate import secret_place
from stagegate.errors import StagegateError
from stagegate.files import switch_link, write_atomic, write_json
from stagegate.journal import Run, open_journal
from stagegate.ledger import Entry, append_entry, read_ledger
from stagegate.lock import Lock
from stagegate.service.guard import lift_guard, raise_guard
from stagegate.step_lock import step_lock
from stagegate.store.copying import copy_file

SETTING = Path("/proc/sys/fs/protected_symlinks")
RUN = "20251126T193000Z-0a1b"
PID = os.getpid()
SECRET = b"what belongs to somebody else"


@pytest.fixture(autouse=True, scope="module")
def links_are_followed() -> Iterator[None]:
    """The kernel's own protection is off, where this machine lets us; it is put back."""
    before = SETTING.read_text() if SETTING.exists() else ""
    with contextlib.suppress(OSError):
        SETTING.write_text("0\n")
    yield
    with contextlib.suppress(OSError):
        SETTING.write_text(before)


def run_in(place: Path) -> Run:
    return Run(RUN, 1, "demo", "h1", place, exclusive=False)


def entry_in(place: Path) -> None:
    append_entry(
        place / "ledger.jsonl",
        Entry(1, RUN, 1, "h1", "release", "stage", "intent"),
        read_ledger(place / "none"),
    )


def torn_in(place: Path) -> None:
    """The first entry after a torn line, whose bytes are kept beside the ledger."""
    torn = place.parent / "torn.jsonl"
    torn.write_bytes(b"half a line")
    found = read_ledger(torn)
    append_entry(
        place / "ledger.jsonl", Entry(1, RUN, 1, "h1", "release", "stage", "intent"), found
    )


def secret_in(place: Path) -> None:
    secret_place.write_file(place / "key", secret_place.Held(b"canary", 0o600, 0, 0))


def journal_in(place: Path) -> None:
    with open_journal(run_in(place)) as journal:
        journal.note("preflight", "open")


def guard_in(place: Path) -> None:
    raise_guard(run_in(place))
    lift_guard(run_in(place))


def copied_in(place: Path) -> None:
    source = place.parent / "source"
    source.write_bytes(b"data")
    copy_file(source, place / "copy")


ACTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a file that is replaced": (lambda p: write_atomic(p / "file", b"new"), f".file.{PID}.new"),
    "the file itself": (lambda p: write_atomic(p / "file", b"new"), "file"),
    "a JSON file": (lambda p: write_json(p / "owner.json", {}), f".owner.json.{PID}.new"),
    "the live link": (lambda p: switch_link(p / "current", "releases/1.1"), ".current.new"),
    "the live link itself": (lambda p: switch_link(p / "current", "releases/1.1"), "current"),
    "the ledger": (entry_in, "ledger.jsonl"),
    "a torn line of the ledger": (torn_in, "ledger.torn-0"),
    "the step lock": (lambda p: step_lock(p).__enter__(), "step.lock"),
    "the lock, made aside": (lambda p: Lock(p).acquire(RUN, {}), f"lock.{RUN}.new"),
    "the lock": (lambda p: Lock(p).acquire(RUN, {}), "lock"),
    "the epoch": (lambda p: Lock(p).acquire(RUN, {}), f".epoch.{PID}.new"),
    "the epoch itself": (lambda p: Lock(p).acquire(RUN, {}), "epoch"),
    "the guard": (guard_in, "guard"),
    "the guard, made aside": (guard_in, f".guard.{PID}.new"),
    "a secret": (secret_in, "key"),
    "a secret, made aside": (secret_in, ".key.stagegate"),
    "a copy": (copied_in, "copy"),
}
"""Each act with a name that it uses; whoever plants something knows the name."""


def link(place: Path, theirs: Path) -> None:
    place.symlink_to(theirs)


def dangling(place: Path, theirs: Path) -> None:
    place.symlink_to(theirs.parent / "made through a link")


def second_name(place: Path, theirs: Path) -> None:
    place.hardlink_to(theirs)


def pipe(place: Path, theirs: Path) -> None:
    os.mkfifo(place)


def folder(place: Path, theirs: Path) -> None:
    place.mkdir()
    (place / "theirs").write_bytes(SECRET)


def linked_folder(place: Path, theirs: Path) -> None:
    place.symlink_to(theirs.parent / "folder")


PLANTED = [link, dangling, second_name, pipe, folder, linked_folder]


def attempt(act: Callable[[Path], Any], place: Path) -> None:
    """Act, or be refused; a pipe that nobody reads would hold a careless writer for ever."""

    def run() -> None:
        with contextlib.suppress(OSError, StagegateError):
            act(place)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive(), "it waits for somebody at the other end of a pipe"


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
@pytest.mark.parametrize("what", ACTS)
def test_nothing_is_written_through_a_planted_name(
    what: str, plant: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    act, name = ACTS[what]
    place, theirs = tmp_path / "place", tmp_path / "theirs" / "file"
    place.mkdir()
    (tmp_path / "theirs" / "folder").mkdir(parents=True)
    theirs.write_bytes(SECRET)
    theirs.chmod(0o604)
    plant(place / name, theirs)
    attempt(act, place)
    assert theirs.read_bytes() == SECRET
    assert stat.S_IMODE(theirs.stat().st_mode) == 0o604
    assert sorted(p.name for p in theirs.parent.iterdir()) == ["file", "folder"]
    assert list((tmp_path / "theirs" / "folder").iterdir()) == []
    assert stat.S_IMODE((tmp_path / "theirs" / "folder").stat().st_mode) == 0o755
    for path in place.iterdir():
        if path.is_file() and not path.is_symlink() and path.stat().st_nlink == 1:
            assert path.stat().st_mode & 0o077 == 0, path
