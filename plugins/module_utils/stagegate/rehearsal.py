"""The proof, on a copy, that the new release works and that the old one still would.

A release is *compatible* when the former release runs on the migrated schema and reads what the
new one wrote. That is not believed: the new release's self-test writes to the migrated copy, then
the old release's self-test must pass on the same copy.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

from .command import run_command
from .errors import StepFailed
from .files import make_private_dir
from .journal import Journal
from .places import scratch_copy


def open_to(user: str, database: Path, scratch: Path) -> None:
    """Let the service user reach one scratch copy and nothing beside it.

    The directories above may be passed through but not listed; the copy and its directory become
    the user's own. On a first install there is no copy, only the place for one. A copied tree keeps
    the owners that it has, as its generation will.
    """
    make_private_dir(database.parent)
    if os.geteuid() != 0 or not user:
        return
    account = pwd.getpwnam(user)
    for directory in (scratch.parent, scratch):
        directory.chmod(0o711)
    for place in (database.parent, *database.parent.iterdir()):
        if place == database and place.is_dir() and any(place.iterdir()):
            continue
        os.chown(place, account.pw_uid, account.pw_gid, follow_symlinks=False)


def copies(params: dict[str, Any]) -> dict[str, str]:
    """The environment that names each store's rehearsed copy to a release.

    ``rehearsal.copies`` maps a store's name to the variable that the release reads its place from.
    """
    names = params["rehearsal"].get("copies") or {}
    stores = {store["name"]: store for store in params["stores"]}
    return {var: scratch_copy(stores[name], params["run"]) for name, var in names.items()}


def rehearse(journal: Journal, params: dict[str, Any]) -> None:
    """Run the self-tests of the new and of the old release on the copy; raise StepFailed."""
    rehearsal, host = params["rehearsal"], journal.run.host
    named = copies(params)
    for place in named.values():
        if place.startswith("/"):  # a database knows its users by itself
            open_to(params["user"], Path(place), journal.run.scratch)
    releases = [("new", params["new_path"])]
    if params.get("old_path"):
        releases.append(("old", params["old_path"]))
    with journal.step("release", "rehearse", {"releases": releases}) as step:
        for which, path in releases:
            outcome = run_command(
                rehearsal["command"],
                deadline=float(rehearsal.get("deadline") or 60),
                user=params["user"],
                cwd=path,
                environment={**(rehearsal.get("environment") or {}), **named},
            )
            step.evidence({which: {"release": Path(path).name, "said": outcome.said[-1500:]}})
            if not outcome.well:
                raise failure(which, Path(path).name, host, outcome.reason())
        step.done(state={"releases": [Path(path).name for _, path in releases]})


def failure(which: str, release: str, host: str, reason: str) -> StepFailed:
    """The words for a release that did not pass its self-test on the copy."""
    if which == "old":
        what = (
            f"rehearsal on {host}: the running release {release} cannot work on the new schema, "
            f"though the new release is declared compatible: {reason}"
        )
        after = "declare migration_class: one_way, or make the migration one that only adds"
    else:
        what = f"rehearsal on {host}: the new release {release} fails its own self-test: {reason}"
        after = "correct the release"
    return StepFailed(
        what,
        now="it ran on a copy of the data; the former release runs as before",
        untouched="services, live data and live release of every host",
        next=after,
    )
