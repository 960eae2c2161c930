"""A migrated copy before the court: its structure, its objects, and what happened to its rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..errors import StepFailed
from .compare import TableChange, both_opened, count, table_changes
from .connect import AT_REST, opened
from .drill import refuse_damage
from .expect import findings
from .integrity import some_of
from .pairing import AFTER, BEFORE
from .schema import Schema, read_schema
from .task import Task


def judge_copy(task: Task, before: Path | None, after: Path) -> dict[str, Any]:
    """What happened from one database to the other. Raises StepFailed unless all was declared.

    Both must be at rest and clean. The structure is checked while the rows are compared.
    """
    where = "the migrated copy"
    with ThreadPoolExecutor(2) as pool:
        structure = pool.submit(check_structure, task, after, where)
        content = pool.submit(check_content, task, before, after)
        violations = structure.result()
        schema, rows, changes = content.result()
    if before is not None:
        wrong = findings(task.store, schema, changes, task.declared)
    else:
        wrong = findings(task.store, schema, [], {})
    if wrong:
        raise StepFailed(
            f"{where} of {task.store.name} is not what release {task.version} declares: "
            f"{some_of(wrong)}",
            now="the copy is kept for examination",
            untouched="the live data and the live release",
            next="correct the migration, or declare it in release.expected_changes",
        )
    return {
        "schema": schema.fingerprint,
        "rows": rows,
        "violations": violations,
        "changes": {
            c.name: {"added": c.added, "deleted": c.deleted, "changed": c.changed}
            for c in changes
            if c.total or c.state != "kept"
        },
    }


def check_structure(task: Task, path: Path, where: str) -> int:
    """Raise StepFailed for damage; return how many rows break a foreign key."""
    with opened(path, AT_REST, seconds=task.deadline) as connection:
        return refuse_damage(task.store, connection, where)


def check_content(
    task: Task, before: Path | None, after: Path
) -> tuple[Schema, dict[str, int], list[TableChange]]:
    """The later schema, its row counts, and the changes against the former database."""
    store = task.store
    with both_opened(before, after, task.deadline) as connection:
        new = read_schema(connection, store.is_bookkeeping, AFTER)
        if before is None:
            rows = {name: count(connection, AFTER, name) for name in sorted(new.tables)}
            return new, rows, []
        old = read_schema(connection, store.is_bookkeeping, BEFORE)
        changes = table_changes(connection, old, new)
    return new, {c.name: c.after for c in changes if c.state != "dropped"}, changes
