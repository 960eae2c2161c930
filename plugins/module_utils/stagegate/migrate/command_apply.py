"""Migrations that are programs of a release, run on a copy of the data, one after the other.

They are a stranger's code: they run as the service user, in a group of their own with a deadline,
and only ever see a copy. The account is written after each one that ended well. One that was killed
or failed leaves a copy that is not used again.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from ..command import Outcome, run_command
from ..errors import StepFailed
from ..journal import Journal
from ..plain.account import Applied, read_account, write_account
from ..rehearsal import open_to
from .command import compare, folder_of, read_known
from .sql import is_sealed

SAID = 1000
"""Bytes of what each migration said that are kept."""


def apply(journal: Journal, phase: str, store: dict[str, Any], params: dict[str, Any]) -> None:
    """Apply all pending migrations to one copy of the data; raise StepFailed when one dies."""
    place, release = Path(str(params["database"])), Path(str(params["release_path"]))
    with journal.step(
        phase, f"apply:{store['name']}", {"data": str(place), "release": str(release)}
    ) as step:
        rehearsed = journal.run.scratch in place.parents
        if step.earlier is not None and not rehearsed and is_sealed(journal, store):
            step.done(state=step.earlier.state, evidence=step.earlier.evidence)
            return
        if rehearsed:
            open_to(str(store.get("owner") or ""), place, journal.run.scratch)
        directory = folder_of(store)
        known = read_known(release, directory)
        applied = read_account(place)
        pending = compare(applied, known).pending
        end = time.monotonic() + float(params["deadline"])
        said: dict[str, str] = {}
        for name in pending:
            outcome = run_program(release / directory / name, place, store, params, end)
            said[name] = outcome.said[-SAID:]
            step.evidence({"said": said})
            reason = why_bad(outcome, place)
            if reason:
                before = ", ".join(pending[: pending.index(name)]) or "none"
                raise failure(
                    f"the migration {name} of {store['name']} to {release.name} failed on "
                    f"{journal.run.host} after {before} of its migrations: {reason}"
                )
            applied = (*applied, Applied(name, known[name], journal.clock.wall()))
            write_account(place, applied)
        state = {"data": str(place), "account": [one.name for one in applied]}
        step.done(state=state, evidence={"applied": list(pending)})


def argv_of(program: Path, place: Path, python: str) -> list[str]:
    """How a migration is run: by the system's interpreter, by the shell, or by itself."""
    by = {".py": [python, "-B"], ".sh": ["/bin/sh"]}
    return [*by.get(program.suffix, []), str(program), str(place)]


def run_program(
    program: Path, place: Path, store: dict[str, Any], params: dict[str, Any], end: float
) -> Outcome:
    """Run one migration on a copy, as the service user, until ``end`` (monotonic) at most."""
    release = Path(str(params["release_path"]))
    try:
        return run_command(
            argv_of(program, place, str(params["python"])),
            deadline=max(0.0, end - time.monotonic()),
            user=str(store.get("owner") or ""),
            cwd=str(place.parent),
            environment={"PYTHONPATH": str(release / "lib")},
        )
    except OSError as error:  # it never began: it is not executable, or its interpreter is missing
        raise StepFailed(
            f"the migration {program.name} of {release.name} cannot be run: {error.strerror}",
            now="it was not run; the live data are as they were",
            untouched="the live data of every host",
            next="make it executable in the release, or call it .py or .sh",
        ) from error


def why_bad(outcome: Outcome, place: Path) -> str:
    """Why a migration did not end well; empty when it did."""
    if not outcome.well:
        return outcome.reason()
    return "" if os.path.lexists(place) else f"it left no {place.name}"


def failure(what: str) -> StepFailed:
    """The words for a migration that did not end well."""
    return StepFailed(
        what,
        now="it ran on a copy; the live data are as they were",
        untouched="the live data of every host",
        next="correct the migration and build a new release",
    )
