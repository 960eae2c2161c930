"""Where the live data are, and the one atomic step that says so."""

from __future__ import annotations

import re
import stat
from collections.abc import Sequence
from pathlib import Path

from ..errors import Refused, StepFailed
from ..files import fsync_dir, make_private_dir, switch_link
from .model import GENERATIONS, Place

TARGET = re.compile(GENERATIONS + r"/([A-Za-z0-9][A-Za-z0-9._-]{0,127})")
LEFT_PREFIX = "unfinished-"
"""How a generation is called that never went live."""

PASSABLE = 0o711
"""Rights of what lies above a generation: services may pass through, and list nothing."""

UNTOUCHED = "every service and all data"


def target_of(run: str) -> str:
    """What the live link says when the generation of a run is live."""
    return f"{GENERATIONS}/gen-{run}"


def content_of(store: Place, target: str) -> Path:
    """The data of a generation, by what the link says of it."""
    return store.root / target / store.file


def read_link(store: Place) -> str | None:
    """What the live link says; None when there is none. Raises Refused when it is no such link."""
    try:
        status = store.link.lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISLNK(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "a file"
        raise refusal(f"{store.link} is {kind}, not a link to a generation")
    target = str(store.link.readlink())
    if not TARGET.fullmatch(target):
        raise refusal(f"{store.link} leads to {target!r}, not to {GENERATIONS}/<name> beside it")
    return target


def live_directory(store: Place) -> Path | None:
    """The directory of the live generation; None when no link says so. Raises Refused."""
    target = read_link(store)
    if target is None:
        return None
    directory = store.root / target
    if directory.is_symlink() or not directory.is_dir():
        raise refusal(f"{store.link} dangles: {directory} is not there")
    return directory


def refuse_strangers(directory: Path, allowed: set[str], whose: str) -> None:
    """Raise Refused for anything in a generation that would stay behind at the switch."""
    strangers = sorted({p.name for p in directory.iterdir()} - allowed)
    if strangers:
        raise refusal(
            f"{directory} holds more than {whose}: {', '.join(strangers[:5])}; "
            "a generation belongs to one store, anything else would stay behind at the switch"
        )


def refuse_absent(store: Place, directory: Path) -> None:
    """Raise Refused when a generation does not hold the name that the store is known by."""
    if not (directory / store.file).exists() and not (directory / store.file).is_symlink():
        found = ", ".join(sorted(p.name for p in directory.iterdir())[:5]) or "nothing"
        raise refusal(
            f"there is no {store.file} in {directory}, but {found}; is the path mistyped?"
        )


def refuse_existing_data(store: Place, pinned: frozenset[str], endings: Sequence[str]) -> None:
    """Raise Refused when data lie where a first install would put an empty place for them.

    ``endings`` are those of files that hold data of this kind.
    """
    plain = [store.root / store.file]
    if store.root.is_dir():
        plain += [p for p in store.root.iterdir() if p.name.endswith(tuple(endings))]
    if store.alias is not None:
        plain.append(store.alias)
    if store.generations.is_dir():
        plain += [
            p
            for p in store.generations.iterdir()
            if p.name not in pinned and not p.name.startswith((LEFT_PREFIX, "."))
        ]
    found = sorted({str(p) for p in plain if p.exists() and not p.is_symlink()})
    if found:
        raise refusal(
            f"refuse to initialise over existing data: there is no link {store.link}, but "
            + ", ".join(found[:5]),
            "correct stores[].path; or stop the services and move the data into a generation: "
            f"{store.generations}/<name>/{store.file}, with {store.link} leading to it",
        )


def refusal(what: str, after: str = "correct stores[].path, or put the data in order") -> Refused:
    """A refusal before anything changed."""
    return Refused(what, now="nothing was changed", untouched=UNTOUCHED, next=after)


def make_generation(store: Place, target: str) -> Path:
    """An empty, private, durable directory for a new generation."""
    make_private_dir(store.root, mode_or(store.root, PASSABLE))
    make_private_dir(store.generations, PASSABLE)
    for place in (store.root, store.generations):
        status = place.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_mode & stat.S_IWOTH:
            raise StepFailed(f"{place} must be a directory that not everybody may write to")
    directory = store.root / target
    directory.mkdir(mode=0o700)
    directory.chmod(0o700)
    fsync_dir(store.generations)
    return directory


def mode_or(path: Path, default: int) -> int:
    """The rights a directory has, or the default for one that is missing."""
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else default


def settle(store: Place, target: str) -> None:
    """Make the names on the way to a generation durable, before anything points at it."""
    for directory in (store.root / target, store.generations, store.root):
        fsync_dir(directory)


def switch_to(store: Place, target: str) -> None:
    """Point the live link at a generation: one rename, durable when this returns."""
    settle(store, target)
    switch_link(store.link, target)


def remove_link(store: Place) -> None:
    """Take the live link away: the state before a first install."""
    store.link.unlink(missing_ok=True)
    fsync_dir(store.root)


def set_alias(store: Place) -> bool:
    """Make the stable second name; tell whether it was missing."""
    if store.alias is None:
        return False
    wanted = f"{store.link.name}/{store.file}"
    if store.alias.is_symlink() and str(store.alias.readlink()) == wanted:
        return False
    if store.alias.exists() and not store.alias.is_symlink():
        raise StepFailed(f"{store.alias} is in the way: it is a file, not the link to {wanted}")
    switch_link(store.alias, wanted)
    return True


def remove_alias(store: Place) -> None:
    """Take the second name away with the first."""
    if store.alias is not None and store.alias.is_symlink():
        store.alias.unlink()
        fsync_dir(store.root)


def put_aside(store: Place, target: str) -> Path | None:
    """Rename a generation that never went live, in constant time; None when there is none."""
    directory = store.root / target
    if not directory.exists():
        return None
    name = f"{LEFT_PREFIX}{directory.name}"
    taken = sum(1 for p in store.generations.iterdir() if p.name.startswith(name))
    aside = directory.with_name(f"{name}.{taken + 1}")
    directory.rename(aside)
    fsync_dir(store.generations)
    return aside
