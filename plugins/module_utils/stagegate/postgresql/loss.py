"""What going back would lose, and the leave to lose exactly that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import Fenced, StepFailed
from ..journal import Journal
from ..store.steps import entries_of, last_state
from .access import opened
from .catalog import read_schema
from .content import read_content
from .evidence import mark_of
from .task import Task

COMMAND = "ansible-playbook playbooks/rollback.yml -i <inventory>"


def accepted_loss(journal: Journal, task: Task) -> int:
    """How many rows going back loses, with leave. Raises Fenced without it.

    Before users were admitted only our own smoke tests wrote, and nothing is asked.
    """
    if not was_admitted(journal, task):
        return 0
    delta = last_state(journal, f"delta:{task.store.name}")
    if delta is None or delta.get("content") != present_content(task):
        raise StepFailed(
            f"nobody counted what was written to {task.live} since it went live, "
            "or it was written to after the count",
            now="the database is closed, nothing was renamed",
            untouched="all databases",
            next="run the action delta, then restore",
        )
    count = int(delta["count"])
    if count and task.accepted_loss != count:
        raise Fenced(
            loss_words(task, delta),
            now=f"the database is closed; the rows are exported to {delta['file']}",
            untouched="all databases: nothing was renamed, nothing is lost yet",
            next=f"to give up exactly these {count} rows: {COMMAND} -e accept_data_loss={count}; "
            "to keep them: correct the release and deploy forward",
        )
    return count


def was_admitted(journal: Journal, task: Task) -> bool:
    """True when users may have written; with nothing said, from the activation on."""
    if task.admitted is not None:
        return task.admitted
    return bool(entries_of(journal, f"activate:{task.store.name}"))


def present_content(task: Task) -> str:
    """One digest of all that is in the live database."""
    with opened(task, task.live) as connection:
        schema = read_schema(connection, task.store.is_bookkeeping)
        return mark_of(read_content(connection, schema))


def loss_words(task: Task, delta: Mapping[str, Any]) -> str:
    """What would be lost, in numbers."""
    tables = "; ".join(
        f"{table}: " + ", ".join(f"{number} {op}" for op, number in counts.items() if number)
        for table, counts in sorted(delta["tables"].items())
    )
    said = (
        "" if task.accepted_loss is None else f", not {task.accepted_loss} as accept_data_loss says"
    )
    return (
        f"putting {task.store.name} back on {task.run.host} would lose {delta['count']} rows "
        f"written since release {task.version or 'the new one'} went live{said} ({tables})"
    )
