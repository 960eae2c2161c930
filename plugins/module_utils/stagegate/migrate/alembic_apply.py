"""A release's alembic migrations, applied to one database up to the recorded revision.

Before alembic is asked, the ledger keeps what the database is; afterwards the database is read
again, and only what is found there decides. What the process said about itself decides nothing: it
may have been killed, and its session may have gone on. A step that is begun again goes on from what
is true. A database that is neither what it was nor what it was to become is told object by object,
and left: no way down is gone on a guess.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..errors import StepFailed
from ..journal import Journal, Step
from ..postgresql.catalog import in_words
from ..postgresql.client import rows
from ..postgresql.session import connect
from .alembic_chain import Chain, read_staged
from .alembic_record import Beginning, beginning, differing_from, last_applied, observe, outcome
from .alembic_refuse import refuse_other_files, refuse_other_plan
from .alembic_run import LOCK_NOT_AVAILABLE, Report, Site, end_sessions, run_alembic
from .alembic_state import State, changed, lacking, recall
from .alembic_trip import round_trip
from .sql import is_sealed

ATTEMPTS = 3
"""How often a migration that got no lock in time is begun; each attempt blocks others once more."""

BLOCKERS = """
SELECT coalesce(nullif(application_name, ''), usename, 'a session') || ' (pid ' || pid || ', ' ||
  extract(epoch FROM now() - xact_start)::int || ' s)'
FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL
AND pid <> pg_backend_pid() AND backend_type = 'client backend' ORDER BY xact_start LIMIT 3
"""
"""Who has a transaction open, the oldest first."""


def apply(journal: Journal, phase: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Apply all pending migrations to one database; raise StepFailed with what is true there."""
    site = Site.from_params(journal.run, params)
    chain = read_staged(site.release, site.directory)
    inputs = {"database": site.database, "release": str(site.release), "target": chain.head}
    with journal.step(phase, f"apply:{site.store.name}", inputs) as step:
        if step.earlier is not None and is_sealed(journal, params["store"]):
            state = step.earlier.state
            step.done(state=state, evidence=step.earlier.evidence)
            return state
        refuse_other_files(journal, site, chain)
        end_sessions(site)
        proved = site.rehearsed and params.get("migration_class") == "reversible"
        begun = beginning(journal, phase, site, contents=proved)
        refuse_other_plan(site, chain, begun, params)
        after = bring(step, site, chain, begun)
        refuse_missing(journal, site, after)
        if proved:
            step.evidence({"round_trip": round_trip(site, chain, begun, after)})
        state = outcome(phase, site, chain, begun, after)
        step.done(state=state)
    return state


def bring(step: Step, site: Site, chain: Chain, begun: Beginning) -> State:
    """Lead the database to the release's revision, from wherever in the chain it is found."""
    present = observe(site)
    report: Report | None = None
    after = present
    if present.revision != chain.head:
        refuse_half(site, chain, begun, present)
        report = run_patiently(site, chain)
        after = observe(site)
        step.evidence({"said": report.said[-1000:], "commits": report.commits})
    if after.revision == chain.head and not after.broken:
        return after
    raise failure(site, present, after, report)


def run_patiently(site: Site, chain: Chain) -> Report:
    """Upgrade; a migration that got no lock, and committed nothing, is begun again after a pause.

    The whole is bounded: so many attempts, each of which waits no longer than the lock timeout.
    """
    for attempt in range(1, ATTEMPTS + 1):
        report = run_alembic(site, chain, "upgrade", chain.head)
        if report.sqlstate != LOCK_NOT_AVAILABLE or report.commits or attempt == ATTEMPTS:
            break
        time.sleep(attempt * site.store.lock_timeout)
    return report


def refuse_half(site: Site, chain: Chain, begun: Beginning, present: State) -> None:
    """Raise StepFailed for a database in which the migration cannot be begun, or begun again."""
    if present.revision in chain.after(begun.revision):
        return
    said = differing_from(begun, site, present)
    if said:
        raise StepFailed(
            f"{site.database} on {site.run.host} is not as this run found it, and is not migrated "
            f"further: {'; '.join(said)}",
            now=standing(site, present) + ", with objects of another one",
            untouched="nothing was downgraded",
            next="put right what is named, then run the same command again",
        )


def refuse_missing(journal: Journal, site: Site, after: State) -> None:
    """Raise StepFailed when the rehearsed migration made objects that this database lacks."""
    rehearsed = last_applied(journal, "release", site.store.name)
    gone = lacking(recall(rehearsed["after"]), after) if rehearsed is not None else {}
    if gone:
        raise StepFailed(
            f"{site.database} on {site.run.host} names the revision {after.revision}, but lacks "
            f"what the rehearsal had: {in_words(gone)}",
            now=standing(site, after) + ", which its objects do not bear out",
            untouched="nothing was downgraded",
            next="find out who stamped it or removed them; put the objects or the revision right",
        )


def standing(site: Site, state: State) -> str:
    """The revision that a database names, as a phrase."""
    return f"{site.database} names the revision {state.revision or 'none'}"


def failure(site: Site, present: State, after: State, report: Report | None) -> StepFailed:
    """The words for a migration that did not come to its end, by what is found in the database."""
    reason = why(site, unusable(after), report)
    said = "; ".join(changed(present, after))
    what = (
        f"the migration of {site.store.name} to {site.release.name} failed on {site.run.host}: "
        f"{reason}"
    )
    if not site.live:
        what += f"; it left: {said}" if said else ""
        return StepFailed(
            what,
            now="it ran on a copy; the live data are as they were",
            untouched="the live database of every host",
            next="correct the migration and build a new release",
        )
    if said:
        return StepFailed(
            f"{what}; the live database is half migrated: {said}",
            now=standing(site, after),
            untouched="nothing was downgraded; what is not named is as it was",
            next="put right what is named (an invalid index: DROP INDEX), then deploy again",
        )
    return StepFailed(
        what,
        now=rolled_back(site, after, report),
        untouched="services and live release of every host",
        next="correct the migration and build a new release, or deploy again when less is going on",
    )


def rolled_back(site: Site, after: State, report: Report | None) -> str:
    """What is true of a live database whose revision and objects are as they were."""
    same = f"{site.database} is as it was, at the revision {after.revision or 'none'}"
    if report is not None and report.commits:
        return (
            f"{same}, in its objects; but {report.commits} times something was committed on the "
            "way: rows may have been changed"
        )
    return f"{same}: nothing was committed"


def unusable(after: State) -> str:
    """The indexes that nobody can use, as a phrase."""
    return f"invalid indexes: {', '.join(after.broken)}" if after.broken else ""


def why(site: Site, broken: str, report: Report | None) -> str:
    """Why a migration failed: in the server's words, and with those who stood in its way."""
    if report is None or report.well:
        return broken or "alembic ended well, but the revision is not reached"
    if report.sqlstate != LOCK_NOT_AVAILABLE:
        return report.reason
    with connect(site.store, site.database, run=site.run, step="observe") as connection:
        open_now = [str(row[0]) for row in rows(connection, BLOCKERS)]
    return f"{report.reason}; transactions are open: {', '.join(open_now) or 'none any more'}"
