"""The proof that no process has a database, or what lies beside it, open."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..errors import StagegateError, StepFailed
from ..store.openers import Identity, Opener, find_holders, identity_of, refuse_holders
from .rest import LEFTOVERS, beside


def refuse_openers(path: Path, error: type[StagegateError] = StepFailed) -> None:
    """Raise unless nobody has the database open."""
    refuse_holders(path, identities(path), error)


def find_openers(path: Path) -> list[Opener]:
    """The processes that have the database or a file beside it open or mapped, except this one."""
    return find_holders(identities(path))


def identities(path: Path) -> dict[Identity, str]:
    """Device and inode of the database and of each file beside it; ``-shm`` may stay mapped."""
    found: dict[Identity, str] = {}
    for ending in ("", *LEFTOVERS):
        file = beside(path.resolve(), ending)
        with suppress(FileNotFoundError):
            found[identity_of(file)] = str(file)
    return found
