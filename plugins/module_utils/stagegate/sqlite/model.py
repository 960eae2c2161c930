"""What a user declares of a SQLite store, read once and checked."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import BadInput
from ..store.model import Place, members, names_in, place_params, whole

JOURNAL_MODES = ("wal", "delete", "truncate", "persist")
BOOKKEEPING = ("_yoyo*", "yoyo_*", "alembic_version")
"""Tables in which migration tools keep their own account; no rows of the application."""


@dataclass(frozen=True)
class Store(Place):
    """One SQLite database of a system.

    ``accepted_violations`` is how many rows may break a foreign key before anyone calls the
    database broken.
    """

    journal_mode: str = "wal"
    tables: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    bookkeeping: tuple[str, ...] = BOOKKEEPING
    accepted_violations: int = 0

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Store:
        """Read the parameter ``store``; raise BadInput naming the key that is wrong."""
        place = place_params(params)
        name = place["name"]
        mode = str(params.get("journal_mode") or "wal").lower()
        if mode not in JOURNAL_MODES:
            raise BadInput(
                f"stores.{name}.journal_mode: {mode!r} is not possible, "
                f"only {', '.join(JOURNAL_MODES)}"
            )
        expect = members(params.get("expect"), f"stores.{name}.expect")
        store = cls(
            **place,
            journal_mode=mode,
            tables=names_in(expect.get("tables"), f"stores.{name}.expect.tables"),
            indexes=names_in(expect.get("indexes"), f"stores.{name}.expect.indexes"),
            bookkeeping=BOOKKEEPING
            + names_in(params.get("bookkeeping"), f"stores.{name}.bookkeeping"),
            accepted_violations=whole(
                params.get("accepted_violations"), 0, f"stores.{name}.accepted_violations"
            ),
        )
        store.refuse_impossible()
        return store

    def is_bookkeeping(self, table: str) -> bool:
        """True for a table of a migration tool."""
        return any(fnmatch.fnmatchcase(table, pattern) for pattern in self.bookkeeping)
