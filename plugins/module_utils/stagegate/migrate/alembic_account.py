"""What is pending on the live database, judged before anything is changed and by reading alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import BadInput, Refused
from ..journal import Run
from ..ledger import Entry, read_ledger
from ..postgresql.catalog import fingerprint, in_words
from ..postgresql.databases import ADMIN_DATABASE, exists
from ..postgresql.model import Store
from ..postgresql.session import connect
from .alembic_chain import Chain, is_revision, read_chain
from .alembic_state import State, lacking, read_state, recall

UNTOUCHED = "every service and all data"


@dataclass(frozen=True)
class Pending:
    """The account of one database against one release: revisions, in the order of the chain."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    newer: tuple[str, ...]


def probe(params: Mapping[str, Any]) -> dict[str, Any]:
    """Compare the live database with the release's chain; raise what a deployment must not meet.

    Result: {applied, pending, newer, head, revision, objects: their number}. Writes nothing.
    """
    run, store = Run.from_params(params["run"]), Store.from_params(params["store"])
    directory = str((params["store"].get("migrations") or {}).get("directory") or "migrations")
    texts = dict(params.get("texts") or {})
    refuse_unread(params.get("files") or (), texts, directory)
    chain = read_chain(texts, directory)
    state = read_live(run, store)
    refuse_stamped(store, run, state, read_ledger(run.state / "ledger.jsonl").entries)
    version = str(params.get("version") or "")
    same = bool(version) and version == str(params.get("live_version") or "")
    found = account(chain, state.revision, store, run)
    if found.newer and not same:
        raise newer(found.newer[0], chain, version, store, run)
    return {
        "applied": list(found.applied),
        "pending": list(found.pending),
        "newer": list(found.newer),
        "head": chain.head,
        "revision": state.revision,
        "objects": len(state.objects),
    }


def refuse_unread(files: Iterable[str], texts: Mapping[str, str], directory: str) -> None:
    """Raise BadInput when a migration of the release was not read out of it."""
    unread = [name for name in files if is_revision(name, directory) and name not in texts]
    if unread:
        raise BadInput(
            f"the texts of {len(unread)} migrations were not read, first {unread[0]}",
            now="nothing was changed",
            untouched=UNTOUCHED,
            next=f"let the release driver return the texts of {directory}/versions/*.py",
        )


def read_live(run: Run, store: Store) -> State:
    """The state of the live database; an empty one while it does not exist."""
    with connect(store, ADMIN_DATABASE, run=run, step="probe") as connection:
        if not exists(connection, store.database):
            return State("", fingerprint({}), 0, {})
    with connect(store, store.database, run=run, step="probe") as connection:
        return read_state(connection, store)


def account(chain: Chain, revision: str, store: Store, run: Run) -> Pending:
    """What was applied, what is pending, and a revision that the release does not know."""
    if revision and revision not in chain.ids:
        return Pending((), (), (revision,))
    pending = chain.after(revision)
    return Pending(chain.ids[: len(chain.ids) - len(pending)], pending, ())


def newer(revision: str, chain: Chain, version: str, store: Store, run: Run) -> Refused:
    """The words for a database that has been led to where the release does not reach."""
    return Refused(
        f"{store.database} on {run.host} is at the revision {revision}, which release {version} "
        f"does not know: its migrations end at {chain.head}",
        now="a newer release, or another one, has migrated it",
        untouched=UNTOUCHED,
        next=f"deploy a release whose migrations contain {revision}; to go back to the former "
        "one use the rollback of the run that migrated",
    )


def refuse_stamped(store: Store, run: Run, state: State, entries: Iterable[Entry]) -> None:
    """Raise Refused when the revision is not borne out by the objects, as earlier runs left them.

    A schema that is known under other revisions only was stamped by hand, or is half of two. One
    that lacks objects which the revision had is not that revision's any more. Objects that were
    added meanwhile (an index, by an administrator) are the rehearsal's matter.
    """
    known = [recall(kept) for kept in records(store, entries) if kept["server"] == state.server]
    under = {former.revision for former in known if former.schema == state.schema}
    last = next((f for f in reversed(known) if f.revision == state.revision), None)
    said = ""
    if under and state.revision not in under:
        said = f"its objects are those of {' and '.join(sorted(r or 'none' for r in under))}"
    elif last is not None:
        gone = lacking(last, state)
        said = f"lacks {in_words(gone)}" if gone else ""
    if said:
        raise Refused(
            f"{store.database} on {run.host} names the revision {state.revision or 'none'}, "
            f"but {said}",
            now="half of one revision and half of another, or stamped by hand",
            untouched=UNTOUCHED,
            next="put right what is named; nothing is ever downgraded by a guess",
        )


def records(store: Store, entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """What earlier runs kept of the live database before and after they migrated it."""
    steps = {f"{verb}:{store.name}" for verb in ("before", "apply", "revert")}
    found: list[dict[str, Any]] = []
    for entry in entries:
        if entry.step in steps and entry.state.get("database") == store.database:
            kept = entry.state if entry.kind == "observed" else entry.state.get("after")
            if kept:
                found.append(dict(kept))
    return found
