"""The way back of a reversible migration: down to the revision that this run recorded.

It is gone only from the state that the migration left, as the ledger has it, to the state that it
found: both are compared object by object. Anything else is no migration to be led down. As long as
no service has used it, the store driver puts the final image in its place; afterwards it is left to
a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import BadInput, Fenced
from ..journal import Journal, Step
from ..release.tree import shorten
from .alembic_chain import read_staged
from .alembic_record import Beginning, evidence_folder, last_applied, noted, observe
from .alembic_refuse import differing_files
from .alembic_run import Site, end_sessions
from .alembic_state import State, changed, recall
from .alembic_trip import lead_down

WAS_APPLIED_IN = "migrate"


def revert(journal: Journal, phase: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Lead the live database down to what this run found; raise Fenced when that is not safe."""
    site = Site.from_params(journal.run, params)
    name = site.store.name
    with journal.step(phase, f"revert:{name}", {"database": site.database}) as step:
        found = noted(journal, WAS_APPLIED_IN, site)
        if found is None:  # the note stands before the first act
            state: dict[str, Any] = {"database": site.database, "reverted": []}
        else:
            end_sessions(site)
            state = led_back(step, journal, site, found)
            state["after"] = observe(site).keep(evidence_folder(site), f"{phase}-after")
        step.done(state=state)
    return state


def led_back(step: Step, journal: Journal, site: Site, found: Beginning) -> dict[str, Any]:
    """Go down; before anybody used the database, what cannot be led down is left to the image."""
    try:
        return {"database": site.database, "reverted": lead_back(step, journal, site, found)}
    except Fenced as error:
        used = any(entry.step == f"activate:{site.store.name}" for entry in journal.of_run())
        if used:
            raise
        return {"database": site.database, "reverted": [], "left_to_image": error.what}


def lead_back(step: Step, journal: Journal, site: Site, found: Beginning) -> list[str]:
    """Go down where something was applied; return the revisions that were undone."""
    present = observe(site)
    if not changed(found.state, present):
        return []
    applied = recorded(journal, site)
    refuse_half(site, applied, present)
    known = replace(site, release=Path(applied["release"]), directory=applied["directory"])
    chain = read_staged(known.release, known.directory)
    refuse_changed_files(known, differing_files(applied["files"], chain))
    report = lead_down(known, chain, found.revision)
    step.evidence({"said": report.said[-1000:], "commits": report.commits})
    left = changed(found.state, observe(site))
    if left:
        why = "" if report.well else f" ({report.reason})"
        raise fenced(site, f"the way down did not lead back to what this run found{why}", left)
    return list(reversed(applied["applied"]))


def recorded(journal: Journal, site: Site) -> dict[str, Any]:
    """What the migration left, by the ledger: of the live database, or of the rehearsed copy.

    When the process was killed between the commit and the ledger, the rehearsal tells what a whole
    migration looks like. Raises Fenced when neither is known.
    """
    name = site.store.name
    known = last_applied(journal, WAS_APPLIED_IN, name) or last_applied(journal, "release", name)
    if known is None:
        raise fenced(site, "no migration of this run is recorded as ended", [])
    return known


def refuse_half(site: Site, applied: Mapping[str, Any], present: State) -> None:
    """Raise Fenced unless the database is exactly what the migration left."""
    said = changed(recall(applied["after"]), present)
    if said:
        raise fenced(site, "it is neither what this run found nor what its migration left", said)


def refuse_changed_files(site: Site, said: list[str]) -> None:
    """Raise BadInput when the way down is not the one that was reviewed and rehearsed."""
    if said:
        raise BadInput(
            f"release {site.release.name} on {site.run.host} is not the one that was applied: "
            f"{shorten(said)}",
            now="nothing was downgraded",
            untouched=f"the database {site.database}",
            next="put its files back from the archive, then run the same command again",
        )


def fenced(site: Site, why: str, said: list[str]) -> Fenced:
    """The words for a database that is left to a person."""
    named = f": {shorten(said)}" if said else ""
    return Fenced(
        f"{site.database} on {site.run.host} was not led down: {why}{named}",
        now="the services stay behind the start guard",
        untouched="nothing was downgraded by guess; the final image of this run is kept",
        next="a person decides: put right what is named, or restore the final image",
    )
