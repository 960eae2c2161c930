"""What happened to the rows between two databases, exactly, table by table.

A session cannot read two databases at once. So each side sends its rows in the order of their key,
and the two streams are merged here: memory does not grow with the data. Only tables whose digests
differ come this far. Rows are compared as text, over the columns that both sides have; a column
that is new, however filled, is no change of a row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ..sqlite.compare import TableChange
from .catalog import Table
from .client import Connection, listed, named
from .content import count_rows, relation, row_of

KEYS_SHOWN = 5
TEXT_SHOWN = 80
ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
ESCAPED = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


@dataclass(frozen=True)
class Pair:
    """One table on both sides. ``key`` is empty where its rows have no name of their own: then a
    row is what it says, and a changed one is one gone and one new."""

    before: Table
    after: Table

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that both sides have, in the former order."""
        return tuple(column for column in self.before.columns if column in self.after.columns)

    @property
    def lost(self) -> tuple[str, ...]:
        """The columns whose content is gone."""
        return tuple(column for column in self.before.columns if column not in self.after.columns)

    @property
    def key(self) -> tuple[str, ...]:
        """The primary key, when it is the same on both sides."""
        return self.before.key if self.before.key == self.after.key else ()


@dataclass(frozen=True)
class Row:
    """One row as it was sent: its place in the order, what is compared, and single values."""

    place: bytes
    text: bytes
    fields: tuple[bytes, ...]

    def values(self) -> list[str | None]:
        """The single values as text; None for NULL."""
        return [field_text(raw) for raw in self.fields]


Met = tuple[Optional[Row], Optional[Row]]


def stream(
    connection: Connection, table: Table, pair: Pair, wanted: Sequence[str]
) -> Iterator[Row]:
    """The rows of one side in the order of their key, with the values of the wanted columns."""
    compared = row_of(pair.columns)
    place = row_of(pair.key) if pair.key else compared
    query = named(
        "COPY (SELECT {}::text, {}::text{} FROM ONLY {} ORDER BY convert_to({}::text, 'UTF8')) "
        "TO STDOUT",
        place,
        compared,
        listed(", {}", wanted, "") if wanted else named(""),
        relation(table),
        place,
    )
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        for sent in copy:
            first, text, *fields = bytes(sent).rstrip(b"\n").split(b"\t")
            yield Row(unescaped(first), text, tuple(fields))


def merged(before: Iterator[Row], after: Iterator[Row]) -> Iterator[Met]:
    """Rows that meet: the former and the present one, None where there is none."""
    old, new = next(before, None), next(after, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old.place < new.place):
            yield old, None
            old = next(before, None)
        elif old is None or new.place < old.place:
            yield None, new
            new = next(after, None)
        else:
            yield old, new
            old, new = next(before, None), next(after, None)


def kind_of(met: Met) -> str:
    """What happened to a row: added, deleted, changed, or nothing."""
    old, new = met
    if old is None:
        return "added"
    if new is None:
        return "deleted"
    return "changed" if old.text != new.text else ""


def compare_table(before: Connection, after: Connection, pair: Pair) -> TableChange:
    """What happened to the rows of one table."""
    if not pair.columns:
        return without_columns(before, after, pair)
    totals = {"before": 0, "after": 0, "added": 0, "deleted": 0, "changed": 0}
    keys: dict[str, list[Any]] = {}
    for old, new in merged(
        stream(before, pair.before, pair, pair.key), stream(after, pair.after, pair, pair.key)
    ):
        totals["before"] += old is not None
        totals["after"] += new is not None
        kind = kind_of((old, new))
        if not kind:
            continue
        totals[kind] += 1
        row = new or old
        if pair.key and row is not None and len(keys.setdefault(kind, [])) < KEYS_SHOWN:
            keys[kind].append(shown(row.values()))
    return TableChange(
        name=pair.before.name, state="kept", lost_columns=pair.lost, keys=keys, **totals
    )


def without_columns(before: Connection, after: Connection, pair: Pair) -> TableChange:
    """A table that has no column of its former self: all its rows are gone, all are new."""
    old, new = count_rows(before, pair.before), count_rows(after, pair.after)
    return TableChange(
        pair.before.name, "kept", old, new, added=new, deleted=old, lost_columns=pair.lost
    )


def shown(values: Sequence[str | None]) -> Any:
    """A key as the ledger may hold it: short; a key of one column is its value."""
    short = [value if value is None else value[:TEXT_SHOWN] for value in values]
    return short[0] if len(short) == 1 else short


def unescaped(raw: bytes) -> bytes:
    """A field of COPY's text format as it was before it was escaped."""
    if b"\\" not in raw:
        return raw
    replace: Callable[[re.Match[bytes]], bytes] = lambda m: ESCAPED.get(m.group(1), m.group(1))  # noqa: E731
    return ESCAPE.sub(replace, raw)


def field_text(raw: bytes) -> str | None:
    """A field's text; None for NULL."""
    return None if raw == rb"\N" else unescaped(raw).decode("utf-8", "surrogateescape")
