"""Migrations that are programs of a release: which are pending, and which must not be.

A file ``NNNN_name`` is one migration; they are applied in the order of their names. What was
applied stands in an account beside the data, with the digest that each program had. All here
compares; it changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import BadInput
from ..files import sha256_file
from ..ledger import read_ledger
from ..plain.account import Applied, read_account
from .sql import Pending

NAME = re.compile(r"\d{4}_[A-Za-z0-9][A-Za-z0-9_.-]{0,100}")
PASSED_OVER = ("README.md", "__init__.py")
"""Files that may lie among migrations without being one."""

UNTOUCHED = "every service and all data"


def names(files: Iterable[str], directory: str) -> tuple[str, ...]:
    """The migrations among a release's files, in order.

    Raises BadInput for a file that is not called like one, which would be left out in silence, and
    for two of one number.
    """
    found = [PurePosixPath(f) for f in files]
    mine = sorted(
        f.name for f in found if f.parent.as_posix() == directory and f.name not in PASSED_OVER
    )
    odd = [name for name in mine if not NAME.fullmatch(name)]
    if odd:
        raise wrong(f"{directory}/{odd[0]} is not called like a migration, NNNN_name")
    for earlier, later in zip(mine, mine[1:]):
        if earlier[:4] == later[:4]:
            raise wrong(f"{directory}/ has two migrations {earlier[:4]}: {earlier} and {later}")
    if not mine:
        raise wrong(f"the release has no migration in {directory}/")
    return tuple(mine)


def wrong(what: str) -> BadInput:
    """The words for migrations that cannot be right."""
    return BadInput(
        what,
        now="nothing was changed",
        untouched=UNTOUCHED,
        next="correct stores[].migrations.directory, or the release",
    )


def compare(applied: Iterable[Applied], known: Mapping[str, str]) -> Pending:
    """Compare what was applied with what a release brings, by name and digest ("": unknown).

    Raises BadInput, by name, for a migration that is not what was applied, for one that was applied
    and is missing among the release's, and for one that would come too late.
    """
    done = {one.name: one.sha256 for one in applied}
    last_known, last_done = max(known), max(done, default="")
    for name, sha256 in done.items():
        if known.get(name) and known[name] != sha256:
            raise wrong(
                f"the migration {name} was applied with the digest {sha256}, and the release has "
                f"it with {known[name]}: what ran once must not change"
            )
        if name not in known and name < last_known:
            raise wrong(f"the migration {name} was applied, and the release lacks it")
    pending = tuple(name for name in sorted(known) if name not in done)
    if pending and pending[0] < last_done:
        raise wrong(f"the migration {pending[0]} comes before {last_done}, which was applied")
    newer = tuple(name for name in sorted(done) if name not in known)
    return Pending(tuple(sorted(done)), pending, newer)


def account(
    store: Mapping[str, Any], files: Iterable[str], digests: Mapping[str, str], state: Path
) -> Pending:
    """The live data against a release that is not there yet, by its files and their digests."""
    place = Path(str(store["path"]))
    directory = folder_of(store)
    applied = read_account(place)
    refuse_lost(place, str(store["name"]), applied, state)
    known = {
        name: str(digests.get(f"{directory}/{name}", "")).removeprefix("sha256:")
        for name in names(files, directory)
    }
    return compare(applied, known)


def refuse_lost(place: Path, store: str, applied: Iterable[Applied], state: Path) -> None:
    """Raise BadInput when the account lacks what the ledger says was applied to the live data.

    Without it everything would be applied a second time.
    """
    link = place.parent
    if not link.is_symlink():
        return
    run = link.readlink().name.removeprefix("gen-").partition(".")[0]
    there = {one.name for one in applied}
    for entry in read_ledger(state / "ledger.jsonl").entries:
        if (entry.run, entry.phase, entry.step) != (run, "migrate", f"apply:{store}"):
            continue
        lost = sorted(set(entry.state.get("account") or ()) - there)
        if lost and not link.readlink().name.endswith(".back"):
            raise BadInput(
                f"the account of migrations beside {place} lacks {', '.join(lost)}, which run "
                f"{run} applied",
                now="nothing was changed",
                untouched=UNTOUCHED,
                next="put back the account that the last backup of this store holds",
            )


def folder_of(store: Mapping[str, Any]) -> str:
    """The folder of the release that holds the migrations of a store."""
    return str(store["migrations"].get("directory") or "migrations").strip("/")


def read_known(release: Path, directory: str) -> dict[str, str]:
    """The migrations of a staged release, with their digests."""
    folder = release / directory
    files = [f for f in folder.iterdir() if f.is_file()] if folder.is_dir() else []
    found = names([f.relative_to(release).as_posix() for f in files], directory)
    return {name: sha256_file(folder / name) for name in found}
