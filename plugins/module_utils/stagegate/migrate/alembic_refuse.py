"""What must be the same as when it was judged: the files of the migrations, and what is pending."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import BadInput, Refused
from ..journal import Journal
from ..release.tree import shorten
from .alembic_chain import Chain
from .alembic_record import Beginning, last_applied
from .alembic_run import Site
from .staged import changed_since_staged


def refuse_other_files(journal: Journal, site: Site, chain: Chain) -> None:
    """Raise BadInput when a staged file is not the one that was staged, or that was rehearsed."""
    said = changed_since_staged(journal, site.release)
    rehearsed = last_applied(journal, "release", site.store.name)
    if rehearsed is not None and rehearsed["release"] == str(site.release):
        said += differing_files(rehearsed["files"], chain)
    if said:
        raise BadInput(
            f"release {site.release.name} on {site.run.host} is not the one that was reviewed: "
            f"{shorten(said)}",
            now="no migration was begun by this step",
            untouched=f"the database {site.database}",
            next="find out who changed it; remove the staged release, then deploy again",
        )


def differing_files(recorded: Mapping[str, str], chain: Chain) -> list[str]:
    """The revisions whose files are not the recorded ones, in words."""
    now = chain.digests()
    return [
        f"the migration {name} was changed"
        for name in sorted({*recorded, *now})
        if recorded.get(name) != now.get(name)
    ]


def refuse_other_plan(
    site: Site, chain: Chain, begun: Beginning, params: Mapping[str, Any]
) -> None:
    """Raise Refused when what is pending is not what preflight found, and the plan says."""
    known = not begun.revision or begun.revision in chain.ids
    pending = chain.after(begun.revision) if known else ()
    plan = (params["run"].get("plan") or {}).get("migrate") or {}
    planned = plan.get(site.store.name)
    if known and (planned is None or list(planned) == list(pending)):
        return
    raise Refused(
        f"{site.database} on {site.run.host} is at the revision {begun.revision or 'none'}: "
        f"{', '.join(pending) or 'nothing'} is pending, the plan says {', '.join(planned or ())}",
        now="someone has migrated or stamped it since preflight",
        untouched=f"the database {site.database}",
        next="find out who; then deploy again",
    )
