"""What is kept of a failed state before it is left: a whole copy, and every row written since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import Fenced, StepFailed
from ..journal import Journal
from ..store.copying import digest_file
from ..store.generations import content_of, read_link
from ..store.guard import pin
from ..store.steps import Result, ended, needed_state
from .delta import Delta, export_delta
from .openers import refuse_openers
from .rest import clean_reading, copy_bytes, fold, read_facts
from .task import Task


def forensic(journal: Journal, task: Task) -> Result:
    """Keep a complete copy of the present data, pinned against retention; services must be down."""
    with journal.step(task.phase, task.step, {"link": str(task.store.link)}) as step:
        present = read_link(task.store)
        if present is None:
            return ended(step, {"absent": True}, {"absent": True})
        source = content_of(task.store, present)
        refuse_openers(source, Fenced)
        facts = read_facts(source)
        if step.earlier is not None and still_kept(step.earlier.state, facts):
            return ended(step, dict(step.earlier.state), {"resumed": True})
        pin(task)
        stamp = journal.clock.wall()[:19].replace("-", "").replace(":", "")
        copy = task.evidence / f"failed-{stamp}Z.db"
        damage = keep_whole(source, copy)
        state = {
            "absent": False,
            "file": str(copy),
            "sha256": digest_file(copy),
            "bytes": copy.stat().st_size,
            "target": present,
            "facts": facts,
            "damage": damage,
        }
        return ended(
            step, state, {key: state[key] for key in ("file", "sha256", "bytes", "damage")}
        )


def still_kept(state: dict[str, Any], facts: dict[str, Any]) -> bool:
    """True when the earlier copy is whole and still says what is there now."""
    if state.get("absent") or state["facts"] != facts or not Path(state["file"]).exists():
        return False
    return digest_file(Path(state["file"])) == str(state["sha256"])


def keep_whole(source: Path, copy: Path) -> str:
    """Copy a database for examination; return what SQLite says if it cannot recover the copy.

    A damaged database is kept as it is, with its WAL beside it.
    """
    copy_bytes(source, copy)
    try:
        fold(copy, "delete")
    except StepFailed as error:
        copy_bytes(source, copy)
        return error.what
    return ""


def count_delta(journal: Journal, task: Task) -> Result:
    """Count and export every row that was written since this run's generation went live."""
    with journal.step(task.phase, task.step, {"target": task.target}) as step:
        if read_link(task.store) != task.target:
            return ended(step, {"count": 0, "live": False}, {"count": 0, "live": False})
        sealed = needed_state(journal, "seal", task.store.name)
        refuse_openers(task.generation, Fenced)
        facts = read_facts(task.generation)
        if step.earlier is not None and step.earlier.state.get("facts") == facts:
            return ended(step, dict(step.earlier.state), dict(step.earlier.evidence))
        refuse_wrong_image(task, sealed)
        delta = counted(task)
        evidence = {
            "count": delta.count,
            "tables": delta.tables,
            "file": delta.file,
            "sha256": delta.sha256,
        }
        return ended(step, {**evidence, "live": True, "facts": facts}, evidence)


def counted(task: Task) -> Delta:
    """The rows written since the activation, exported. Raises Fenced for data that are damaged."""
    try:
        with clean_reading(task.generation, task.scratch) as present:
            return export_delta(
                task.image,
                present,
                task.evidence / "delta.jsonl",
                task.store.is_bookkeeping,
                task.deadline,
            )
    except StepFailed as error:
        raise Fenced(
            f"what was written to {task.store.name} since it went live cannot be counted: "
            f"{error.what}",
            now=f"services are held; the present data are kept as they are below {task.evidence}",
            untouched="both generations: nothing was moved",
            next="decide by hand; nothing is repaired and nothing given up automatically",
        ) from error


def refuse_wrong_image(task: Task, sealed: dict[str, Any]) -> None:
    """Raise Fenced unless the image of the activation is the one that was kept."""
    digest = digest_file(task.image)
    if digest != sealed["sha256"]:
        raise Fenced(
            f"{task.image} is not the image that was kept (digest {digest}, "
            f"the ledger says {sealed['sha256']}): what was written since cannot be counted",
            now="services are held, the data are as the new release left them",
            untouched="both generations",
            next="decide by hand; both generations are whole",
        )
