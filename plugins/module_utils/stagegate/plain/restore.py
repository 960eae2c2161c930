"""Going back: the live link leads again to what this run found, or to that and what users wrote.

Before users were let in not a byte is copied. Afterwards, where the former release can read what
was written since, a generation is made of the former data and these additions, and nothing is lost.
No generation is ever written to, cut or removed: the one that failed stays where it is, pinned.
"""

from __future__ import annotations

from typing import Any

from ..errors import Fenced, StepFailed
from ..files import make_private_dir, read_json, write_json
from ..journal import Journal
from ..store.facts import difference, refuse_touched
from ..store.generations import (
    content_of,
    make_generation,
    put_aside,
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
from .account import copy_account
from .content import Carry
from .forward import hand_over
from .live import read_facts, refuse_openers
from .task import PlainTask

CARRIED = "carried.json"


def restore(journal: Journal, task: PlainTask) -> Result:
    """Put the data link back to what this run found; say so when there was nothing to put back."""
    with journal.step(task.phase, task.step, {"target": task.target}) as step:
        if not entries_of(journal, f"stage:{task.store.name}"):
            state: dict[str, Any] = {"activated": False, "unfinished": None}
        elif entries_of(journal, f"activate:{task.store.name}"):
            state = put_back(journal, task)
        else:
            state = drop_unfinished(task)
        return ended(step, state, state)


def put_back(journal: Journal, task: PlainTask) -> dict[str, Any]:
    """Flip the link back, if it is not back already, and prove what it leads to."""
    staged = needed_state(journal, "stage", task.store.name)
    old, live = staged["old_target"], read_link(task.store)
    refuse_unguarded(task, Fenced)
    if live != task.restored_target:
        refuse_strange_link(task, live, old)
    if old is not None:
        refuse_touched(
            content_of(task.store, old), staged["old"], lambda p: read_facts(task, p), Fenced
        )
    lost = 0
    if live == task.target:
        refuse_openers(task, task.generation, Fenced)
        delta = accepted_delta(journal, task)
        lost = int(delta.get("lost", 0))
        pin(task)
        live = go_back(journal, task, staged, delta)
    if live is None:
        remove_alias(task.store)
    elif live == old:
        prove(task, staged)
    return {
        "activated": True,
        "link": str(task.store.link),
        "from_target": task.target,
        "to_target": live,
        "lost_rows": lost,
        "carried": read_json(task.evidence / CARRIED) if live == task.restored_target else None,
    }


def go_back(
    journal: Journal, task: PlainTask, staged: dict[str, Any], delta: dict[str, Any]
) -> str | None:
    """Switch the link and say where it leads; None when nothing was there before this run."""
    to = staged["old_target"]
    if to is None:
        remove_link(task.store)
        return None
    if delta.get("count") and task.content.carries:
        carry(journal, task, staged)
        to = task.restored_target
    switch_to(task.store, to)
    return str(to)


def carry(journal: Journal, task: PlainTask, staged: dict[str, Any]) -> None:
    """Make the generation that holds the former data and what users wrote since.

    One that a killed try left is put aside: nothing tells how far it came.
    """
    sealed = needed_state(journal, "seal", task.store.name)
    put_aside(task.store, task.restored_target)
    make_generation(task.store, task.restored_target)
    make_private_dir(task.evidence)
    former = content_of(task.store, staged["old_target"])
    target = content_of(task.store, task.restored_target)
    way = Carry(
        former=former,
        present=task.generation,
        target=target,
        evidence=task.evidence,
        kept=sealed["kept"],
        staged=staged["staged"],
        release=task.former_release(),
    )
    carried = task.content.carry(way)
    copy_account(former, target)
    hand_over(task, target)
    write_json(task.evidence / CARRIED, carried)


def accepted_delta(journal: Journal, task: PlainTask) -> dict[str, Any]:
    """What was written since, whose loss nobody minds; empty when nothing was asked.

    Before users were admitted only our own smoke tests wrote. Raises Fenced without leave.
    """
    if not was_admitted(journal, task):
        return {}
    delta = last_state(journal, f"delta:{task.store.name}")
    if delta is None or delta.get("facts") != read_facts(task, task.generation):
        raise StepFailed(
            f"nobody counted what was written to {task.generation} since it went live, "
            "or it was written to after the count",
            now="services are held, nothing was moved",
            untouched="both generations",
            next="run the action delta, then restore",
        )
    lost = int(delta["lost"])
    if lost and task.accepted_loss != lost:
        raise Fenced(
            loss_words(task, delta),
            now=f"services are held by the start guard; all is exported to {delta['file']}",
            untouched="both generations: nothing was moved, nothing is lost yet",
            next=f"to give up exactly {lost} {task.content.unit}: "
            f"{COMMAND} -e accept_data_loss={lost}; "
            "to keep them: correct the release and deploy forward",
        )
    return delta


def loss_words(task: PlainTask, delta: dict[str, Any]) -> str:
    """What would be lost, in numbers."""
    numbers = ", ".join(f"{number} {kind}" for kind, number in delta["numbers"].items() if number)
    said = (
        "" if task.accepted_loss is None else f", not {task.accepted_loss} as accept_data_loss says"
    )
    return (
        f"putting {task.store.name} back on {task.run.host} would lose {delta['lost']} "
        f"{task.content.unit} written since release {task.version or 'the new one'} went live"
        f"{said} ({numbers})"
    )


def prove(task: PlainTask, staged: dict[str, Any]) -> None:
    """Read through the link: the data and their identity. Raises Fenced."""
    changed = difference(staged["old"], read_facts(task, task.store.path))
    if changed:
        raise Fenced(
            f"{task.store.path} does not show the former generation: {changed}",
            now="services are held; the link leads to the former generation",
            untouched="both generations",
            next="examine the data directory by hand",
        )
