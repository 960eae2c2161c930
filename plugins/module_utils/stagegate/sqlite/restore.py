"""Going back: the live link leads again to what this run found, whatever the size of the data.

Not a byte is copied and nothing is removed. The former generation was never opened since it was
frozen; the facts in the ledger prove it. The generation that failed stays where it is, pinned.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import Fenced, StepFailed
from ..journal import Journal
from ..store.facts import difference, refuse_touched
from ..store.generations import (
    content_of,
    read_link,
    remove_alias,
    remove_link,
    switch_to,
)
from ..store.guard import (
    COMMAND,
    drop_unfinished,
    pin,
    refuse_strange_link,
    refuse_unguarded,
    was_admitted,
)
from ..store.steps import Result, ended, entries_of, last_state, needed_state
from .connect import AT_REST, LIVE, opened
from .openers import refuse_openers
from .rest import is_clean, read_facts
from .schema import read_schema
from .task import Task


def restore(journal: Journal, task: Task) -> Result:
    """Put the data link back to what this run found; say so when there was nothing to put back."""
    with journal.step(task.phase, task.step, {"target": task.target}) as step:
        if not entries_of(journal, f"stage:{task.store.name}"):
            state: dict[str, Any] = {"activated": False, "unfinished": None}
        elif entries_of(journal, f"activate:{task.store.name}"):
            state = put_back(journal, task)
        else:
            state = drop_unfinished(task)
        return ended(step, state, state)


def put_back(journal: Journal, task: Task) -> dict[str, Any]:
    """Flip the link back, if it is not back already, and prove what it leads to."""
    staged = needed_state(journal, "stage", task.store.name)
    old, live = staged["old_target"], read_link(task.store)
    refuse_unguarded(task, Fenced)
    refuse_strange_link(task, live, old)
    if old is not None:
        refuse_touched(content_of(task.store, old), staged["old"], read_facts, Fenced)
    lost = 0
    if live == task.target:
        refuse_openers(task.generation, Fenced)
        lost = accepted_loss(journal, task)
        pin(task)
        if old is None:
            remove_link(task.store)
        else:
            switch_to(task.store, old)
    if old is None:
        remove_alias(task.store)
    else:
        prove(task, staged)
    return {
        "activated": True,
        "link": str(task.store.link),
        "from_target": task.target,
        "to_target": old,
        "lost_rows": lost,
    }


def accepted_loss(journal: Journal, task: Task) -> int:
    """How many rows going back loses, with leave. Raises Fenced without it.

    Before users were admitted only our own smoke tests wrote, and nothing is asked.
    """
    if not was_admitted(journal, task):
        return 0
    delta = last_state(journal, f"delta:{task.store.name}")
    if delta is None or delta.get("facts") != read_facts(task.generation):
        raise StepFailed(
            f"nobody counted what was written to {task.generation} since it went live, "
            "or it was written to after the count",
            now="services are held, nothing was moved",
            untouched="both generations",
            next="run the action delta, then restore",
        )
    count = int(delta["count"])
    if count and task.accepted_loss != count:
        raise Fenced(
            loss_words(task, delta),
            now=f"services are held by the start guard; the rows are exported to {delta['file']}",
            untouched="both generations: nothing was moved, nothing is lost yet",
            next=f"to give up exactly these {count} rows: {COMMAND} -e accept_data_loss={count}; "
            "to keep them: correct the release and deploy forward",
        )
    return count


def loss_words(task: Task, delta: dict[str, Any]) -> str:
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


def prove(task: Task, staged: dict[str, Any]) -> None:
    """Read through the link: the file, its identity, and the schema that was recorded.

    Raises Fenced. Constant in the size of the data; only a WAL that a killed service left is read.
    """
    place = task.store.path
    changed = difference(staged["old"], read_facts(place))
    if changed:
        raise Fenced(
            f"{place} does not show the former generation: {changed}",
            now="services are held; the link leads to the former generation",
            untouched="both generations",
            next="examine the data directory by hand",
        )
    if staged["old"]["-journal"] is not None:
        return  # a transaction that a killed service left: the service itself will roll it back
    access = AT_REST if is_clean(place) else LIVE
    with opened(Path(place), access) as connection:
        schema = read_schema(connection, task.store.is_bookkeeping)
    if staged["schema"] not in (None, schema.fingerprint):
        raise Fenced(
            f"{place} has another schema than was recorded before the migration",
            now="services are held; the link leads to the former generation",
            untouched="both generations",
            next="examine the data directory by hand",
        )
