"""What the ledger keeps of a migration: the database before it, and the database after it.

The first is noted before alembic is asked for the first time, and never again in the run: a step
that is begun again finds there what was true before the run changed anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..journal import Journal
from ..ledger import digest
from ..postgresql.session import connect
from .alembic_chain import Chain
from .alembic_run import Site
from .alembic_state import State, changed, read_contents, read_state, recall

CONTENT_SECONDS = 3600.0


@dataclass(frozen=True)
class Beginning:
    """A database before the run migrated it.

    ``content`` is the digest of what its columns held, empty where it was not asked for, and
    ``columns`` theirs one by one, empty where this process did not read them itself.
    """

    state: State
    content: str
    columns: Mapping[str, str]

    @property
    def revision(self) -> str:
        """The revision that it named; empty for none."""
        return self.state.revision


def observe(site: Site) -> State:
    """What the database is now."""
    with connect(site.store, site.database, run=site.run, step="observe") as connection:
        return read_state(connection, site.store)


def observe_contents(site: Site) -> dict[str, str]:
    """The digests of what its columns hold now."""
    with connect(
        site.store, site.database, run=site.run, step="contents", deadline=CONTENT_SECONDS
    ) as connection:
        return read_contents(connection, site.store)


def evidence_folder(site: Site) -> Path:
    """Where the objects of each moment are kept."""
    return site.run.evidence / site.store.name


def beginning(journal: Journal, phase: str, site: Site, contents: bool) -> Beginning:
    """What the database was before this run, from the ledger; noted now when it is not there."""
    known = noted(journal, phase, site)
    if known is not None:
        return known
    columns = observe_contents(site) if contents else {}
    content = digest(columns) if contents else ""
    state = observe(site)
    kept = state.keep(evidence_folder(site), f"{phase}-before")
    note = {"database": site.database, "content": content, **kept}
    journal.note(phase, f"before:{site.store.name}", state=note)
    return Beginning(state, content, columns)


def noted(journal: Journal, phase: str, site: Site) -> Beginning | None:
    """The note of this run on a database before its migration, or None."""
    for entry in journal.of_run():
        mine = (entry.phase, entry.step) == (phase, f"before:{site.store.name}")
        if mine and entry.state.get("database") == site.database:
            return Beginning(recall(entry.state), str(entry.state["content"]), {})
    return None


def differing_from(begun: Beginning, site: Site, present: State) -> list[str]:
    """In what a database differs from what this run found; its content counts where it was read."""
    said = changed(begun.state, present)
    if said or not begun.content:
        return said
    return content_differences(begun, observe_contents(site))


def content_differences(begun: Beginning, after: Mapping[str, str]) -> list[str]:
    """The columns and numbers of rows that are not what they were, in words."""
    if digest(dict(after)) == begun.content:
        return []
    before = begun.columns
    if not before:
        return ["its content is another"]
    said = [f"{name} is lost" for name in before if name not in after]
    said += [f"{name} was added" for name in after if name not in before]
    said += [f"{n} is not what it was" for n in before if n in after and before[n] != after[n]]
    return sorted(said)


def outcome(phase: str, site: Site, chain: Chain, begun: Beginning, after: State) -> dict[str, Any]:
    """What the ledger keeps of a migration that came to its end; a way down needs all of it."""
    return {
        "database": site.database,
        "release": str(site.release),
        "directory": site.directory,
        "before": begun.revision,
        "target": chain.head,
        "applied": list(chain.after(begun.revision)),
        "files": chain.digests(),
        "after": after.keep(evidence_folder(site), f"{phase}-after"),
    }


def last_applied(journal: Journal, phase: str, store: str) -> dict[str, Any] | None:
    """The outcome of this run's migration in one phase; None when it did not come to its end."""
    entry = journal.last_done(phase, f"apply:{store}")
    return dict(entry.state) if entry is not None else None
