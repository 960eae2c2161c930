"""What is kept of a failed state before it is left: a copy, and all that was written since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import Fenced, StepFailed
from ..journal import Journal
from ..store.facts import Facts
from ..store.generations import content_of, read_link
from ..store.guard import pin
from ..store.steps import Result, ended, needed_state
from .live import read_facts, refuse_openers
from .task import PlainTask


def forensic(journal: Journal, task: PlainTask) -> Result:
    """Keep a complete copy of the present data, pinned against retention; services must be down."""
    with journal.step(task.phase, task.step, {"link": str(task.store.link)}) as step:
        present = read_link(task.store)
        if present is None:
            return ended(step, {"absent": True}, {"absent": True})
        source = content_of(task.store, present)
        refuse_openers(task, source, Fenced)
        facts = read_facts(task, source)
        if step.earlier is not None and still_kept(task, step.earlier.state, facts):
            return ended(step, dict(step.earlier.state), {"resumed": True})
        pin(task)
        stamp = journal.clock.wall()[:19].replace("-", "").replace(":", "")
        kept = keep_whole(task, source, task.evidence / task.content.failed_name(f"{stamp}Z"))
        state = {"absent": False, "target": present, "facts": facts, **kept}
        return ended(step, state, kept)


def still_kept(task: PlainTask, state: dict[str, Any], facts: Facts) -> bool:
    """True when the earlier copy is whole and still says what is there now."""
    copy = Path(str(state.get("file") or "/nowhere"))
    if state.get("absent") or state["facts"] != facts or not copy.exists():
        return False
    return bool(task.content.read(copy).sha256 == state["sha256"])


def keep_whole(task: PlainTask, source: Path, copy: Path) -> dict[str, Any]:
    """Copy data for examination. What cannot be copied whole is told, and stays where it is."""
    task.content.remove(copy)
    try:
        task.content.copy(source, copy, None)
        found = task.content.read(copy)
    except StepFailed as error:
        return {"file": "", "sha256": "", "bytes": 0, "damage": error.what}
    return {"file": str(copy), "sha256": found.sha256, "bytes": found.bytes, "damage": ""}


def count_delta(journal: Journal, task: PlainTask) -> Result:
    """Count and export what was written since this run's generation went live."""
    with journal.step(task.phase, task.step, {"target": task.target}) as step:
        if read_link(task.store) != task.target:
            return ended(step, {"count": 0, "live": False}, {"count": 0, "live": False})
        sealed = needed_state(journal, "seal", task.store.name)
        refuse_openers(task, task.generation, Fenced)
        facts = read_facts(task, task.generation)
        if step.earlier is not None and step.earlier.state.get("facts") == facts:
            return ended(step, dict(step.earlier.state), dict(step.earlier.evidence))
        pin(task)
        found = task.content.delta(
            sealed["kept"], task.generation, task.evidence, task.former_release()
        )
        evidence = dict(vars(found))
        return ended(step, {**evidence, "live": True, "facts": facts}, evidence)
