"""The way down, proved on the copy before anyone relies on it: up, down, the same data again."""

from __future__ import annotations

from typing import Any

from ..errors import StepFailed
from ..release.tree import shorten
from .alembic_chain import Chain
from .alembic_record import Beginning, content_differences, observe, observe_contents
from .alembic_run import Report, Site, run_alembic
from .alembic_state import State, changed, lacking

SHOWN = 100
BASE = "base"
"""How alembic calls what is below the first revision."""


def round_trip(site: Site, chain: Chain, begun: Beginning, after: State) -> dict[str, Any]:
    """Lead the migrated copy down and up again; raise StepFailed naming what the way down loses.

    Result: the evidence, with the objects that the way down takes away. What the new release would
    have written into those goes with them; everything else must survive.
    """
    down = lead_down(site, chain, begun.revision)
    back, contents = observe(site), observe_contents(site)
    said = [*changed(begun.state, back), *content_differences(begun, contents)]
    if said or not down.well:
        raise lossy(site, "down" if not down.well else "", down, said)
    up = run_alembic(site, chain, "upgrade", chain.head)
    again = changed(after, observe(site))
    if again or not up.well:
        raise lossy(site, "up again" if not up.well else "", up, again)
    gone = sorted(lacking(after, back))
    return {"to": begun.revision or BASE, "compared": len(contents), "takes_away": gone[:SHOWN]}


def lead_down(site: Site, chain: Chain, revision: str) -> Report:
    """Downgrade to one recorded revision by its id, or below the first one."""
    return run_alembic(site, chain, "downgrade", revision or BASE)


def lossy(site: Site, failed: str, report: Report, said: list[str]) -> StepFailed:
    """The words for a way down that is none."""
    first = f"it fails on the way {failed}: {report.reason}" if failed else "it is not the way back"
    return StepFailed(
        f"rehearsal on {site.run.host}: {site.release.name} is declared reversible, but {first}"
        + (f"; {shorten(said)}" if said else ""),
        now="it ran on a copy; the live data are as they were",
        untouched="services, live data and live release of every host",
        next="correct the downgrade, or declare migration_class: one_way",
    )
