"""What a release may do to the rows, and whether it did only that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import BadInput
from ..store.expected import NUMBERS, bounds
from .compare import TableChange
from .model import Store
from .schema import Schema

KEYS = (*NUMBERS, "created", "dropped", "dropped_columns")
VERBS = {"added": "added to", "deleted": "deleted from", "changed": "changed in"}


@dataclass(frozen=True)
class Declared:
    """What a release declares for one table.

    ``rows`` maps added, deleted, changed to (lowest, highest) possible number.
    """

    rows: dict[str, tuple[int, int]] = field(default_factory=dict)
    created: bool = False
    dropped: bool = False
    dropped_columns: tuple[str, ...] = ()


def read_declared(value: object) -> dict[str, Declared]:
    """Read ``release.expected_changes``; raise BadInput for a key or a number that cannot be."""
    rules = value or {}
    if not isinstance(rules, Mapping):
        raise BadInput("release.expected_changes must map each table to what happens to its rows")
    return {str(table): declared_table(str(table), rule) for table, rule in rules.items()}


def declared_table(table: str, rule: object) -> Declared:
    """The declaration of one table."""
    path = f"release.expected_changes.{table}"
    if not isinstance(rule, Mapping):
        raise BadInput(f"{path} must map {', '.join(NUMBERS)} to numbers")
    for key in rule:
        if key not in KEYS:
            raise BadInput(f"{path}.{key}: unknown key; known here: {', '.join(KEYS)}")
    return Declared(
        rows={key: bounds(rule[key], f"{path}.{key}") for key in NUMBERS if key in rule},
        created=bool(rule.get("created")),
        dropped=bool(rule.get("dropped")),
        dropped_columns=tuple(rule.get("dropped_columns") or ()),
    )


def findings(
    store: Store,
    after: Schema,
    changes: Sequence[TableChange],
    declared: Mapping[str, Declared],
) -> list[str]:
    """All that is missing, and all that happened to rows and was not declared; empty when right."""
    return [
        *missing_objects(store, after),
        *(text for change in changes for text in judge(change, declared.get(change.name))),
        *(
            f"expected_changes names {table}, a table that is on neither side"
            for table in declared
            if table not in {change.name for change in changes}
        ),
    ]


def missing_objects(store: Store, after: Schema) -> list[str]:
    """The named tables and indexes that are not there."""
    there = {*after.tables, *after.virtual}
    return [f"the table {name} is missing" for name in store.tables if name not in there] + [
        f"the index {name} is missing" for name in store.indexes if name not in after.indexes
    ]


def judge(change: TableChange, declared: Declared | None) -> list[str]:
    """What happened to one table without having been declared."""
    declared = declared or Declared()
    found = []
    if change.state == "dropped" and not declared.dropped:
        found.append(f"the table {change.name} is gone with {change.before} rows; not declared")
    if change.state == "created" and declared.dropped:
        found.append(f"the table {change.name} is declared dropped, but it is new")
    found += [
        f"the column {change.name}.{column} is gone; not declared"
        for column in change.lost_columns
        if column not in declared.dropped_columns
    ]
    for kind in NUMBERS:
        found += judge_number(change, kind, declared)
    return found


def judge_number(change: TableChange, kind: str, declared: Declared) -> list[str]:
    """One number against its declaration; what a new table is filled with needs none."""
    number = int(getattr(change, kind))
    if kind not in declared.rows and (
        (change.state == "created" and kind == "added")
        or (change.state == "dropped" and kind == "deleted")
    ):
        return []
    lowest, highest = declared.rows.get(kind, (0, 0))
    if lowest <= number <= highest:
        return []
    said = f"declared: {lowest if lowest == highest else f'at most {highest}'}"
    keys = change.keys.get(kind)
    first = f"; first keys: {', '.join(str(key) for key in keys)}" if keys else ""
    rows = "row" if number == 1 else "rows"
    return [f"{number} {rows} {VERBS[kind]} {change.name} ({said}{first})"]
