"""How much room a run needs: on the server's disk for databases, beside the ledger for dumps."""

from __future__ import annotations

import os
from pathlib import Path

from ..store.space import Need, existing, refuse_shortage
from .client import Connection, value
from .databases import Database
from .model import Store

DUMPED = (
    "SELECT coalesce(sum(pg_table_size(c.oid)), 0)::bigint FROM pg_class c "
    "WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'"
)
"""An upper bound of a dump: it holds rows without indexes, and compressed."""


def data_directory(connection: Connection) -> Path:
    """Where the server keeps its databases."""
    return Path(str(value(connection, "SHOW data_directory")))


def dump_bytes(connection: Connection) -> int:
    """At most as many bytes a dump of the session's database takes."""
    return int(value(connection, DUMPED))


def refuse_no_room(store: Store, needs: list[Need]) -> None:
    """Raise Refused unless every file system has room for all that goes there.

    A server's directory that this process may not even look into is left to the server: it says
    itself when its disk is full, and what was begun is rolled back.
    """
    refuse_shortage([need for need in needs if may_look(need.directory)], store.reserve)


def watched(connection: Connection, otherwise: Path) -> Path:
    """Where the room is looked at while the server writes: its own directory, if we may look."""
    directory = data_directory(connection)
    return directory if may_look(directory) else otherwise


def may_look(place: Path) -> bool:
    """True when this process may ask how full the file system of a place is."""
    try:
        os.statvfs(existing(place))
    except PermissionError:
        return False
    return True


def needs_of_copies(directory: Path, live: Database, copies: int) -> Need:
    """Room for whole copies of a database beside it."""
    return Need(directory, live.bytes * copies)
