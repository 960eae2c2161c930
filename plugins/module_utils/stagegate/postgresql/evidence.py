"""What is kept of a failed state before it is left: a dump of it, and every row written since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import Fenced, StepFailed
from ..files import make_private_dir, sha256_file, write_json
from ..journal import Journal
from ..store.copying import digest_file
from ..store.steps import Result, ended, entries_of, last_state
from .access import opened, server, tools_for
from .catalog import Schema, read_schema
from .client import Connection
from .closing import admit_owner, close
from .content import Content, read_content
from .databases import existing, exists
from .delta import Delta, lines, write_delta
from .drill import restored
from .image import dump
from .manifest import PIN, Manifest, verify_backup
from .task import GENERATION, Task


def forensic(journal: Journal, task: Task) -> Result:
    """Keep a dump of the present data, pinned against retention.

    Where data may go back, nobody writes from here on: the database is closed; to its owner it is
    open again if its migration leads down.
    """
    with (
        journal.step(task.phase, task.step, {"database": task.live}) as step,
        server(task) as admin,
    ):
        if not exists(admin, task.live):
            return ended(step, {"absent": True}, {"absent": True})
        staged = last_state(journal, f"stage:{task.store.name}")
        goes_back = staged is not None and (staged["class"] != "compatible" or staged["created"])
        gone = close(admin, task.live, task.run.id)["ended"] if goes_back else []
        pin(task)
        earlier = dict(step.earlier.state) if step.earlier is not None else {}
        state = earlier if still_kept(earlier) else dumped(task, admin, journal.clock.wall())
        reversible = staged is not None and staged["class"] == "reversible"
        if reversible and state["damage"]:
            raise StepFailed(
                f"{task.live} cannot be dumped, and without an image of it nothing leads down: "
                f"{state['damage']}",
                now="the database is closed",
                untouched="its data",
                next="examine the server; nothing is repaired automatically",
            )
        if reversible:
            admit_owner(admin, task.live, task.store.owner)
        shown = {key: state[key] for key in ("file", "sha256", "bytes", "damage")}
        return ended(step, state, {**shown, "ended": gone})


def still_kept(state: Mapping[str, Any]) -> bool:
    """True when an earlier dump is whole."""
    file = Path(str(state.get("file") or ""))
    return bool(state.get("file")) and file.exists() and digest_file(file) == state["sha256"]


def dumped(task: Task, admin: Connection, wall: str) -> dict[str, Any]:
    """Dump the live database into the evidence; ``damage`` is why that failed, if it did.

    Data that cannot be dumped are no reason to keep a failed release running.
    """
    stamp = wall[:19].replace("-", "").replace(":", "")
    target = task.evidence / f"failed-{stamp}Z.dump"
    target.unlink(missing_ok=True)
    state: dict[str, Any] = {"absent": False, "database": task.live}
    try:
        dump(task, tools_for(admin), task.live, target)
    except StepFailed as error:
        target.unlink(missing_ok=True)
        return {**state, "file": None, "sha256": None, "bytes": 0, "damage": error.what}
    facts = {"sha256": sha256_file(target), "bytes": target.stat().st_size, "damage": ""}
    return {**state, "file": str(target), **facts}


def pin(task: Task) -> None:
    """Keep what belongs to this run from ever being removed by retention."""
    make_private_dir(task.evidence)
    write_json(task.evidence / PIN, {"run": task.run.id, "database": task.live})


def count_delta(journal: Journal, task: Task) -> Result:
    """Count and export every row that was written since this run's data went live."""
    with (
        journal.step(task.phase, task.step, {"database": task.live}) as step,
        server(task) as admin,
    ):
        sealed = last_state(journal, f"seal:{task.store.name}")
        if not went_live(journal, task, admin) or sealed is None or not sealed["image"]:
            state = {"count": 0, "live": False}
            return ended(step, state, state)
        close(admin, task.live, task.run.id)
        image = refuse_wrong_image(task, sealed)
        with opened(task, task.live) as connection:
            schema = read_schema(connection, task.store.is_bookkeeping)
            content = read_content(connection, schema)
            delta = export(task, connection, schema, content, image)
        evidence = {
            "count": delta.count,
            "tables": delta.tables,
            "file": delta.file,
            "sha256": delta.sha256,
        }
        return ended(step, {**evidence, "live": True, "content": mark_of(content)}, evidence)


def went_live(journal: Journal, task: Task, admin: Connection) -> bool:
    """True while this run's data are the live ones."""
    if not entries_of(journal, f"activate:{task.store.name}"):
        return False
    names = existing(admin, [task.live, task.beside(GENERATION)])
    return names == {task.live} and last_state(journal, f"restore:{task.store.name}") is None


def export(
    task: Task, connection: Connection, schema: Schema, content: Content, image: Manifest
) -> Delta:
    """Write down the rows that differ from the image; the image is restored only if some do."""
    make_private_dir(task.evidence)
    target = task.evidence / "delta.jsonl"
    names = differing(image.tables, content)
    if not names:
        return write_delta([], target)
    with restored(task, task.image, image) as name, opened(task, name) as former:
        old = read_schema(former, task.store.is_bookkeeping)
        return write_delta(lines(former, connection, old, schema, names), target)


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The tables whose content is not the same."""
    return [
        name for name in sorted(set(before) | set(after)) if before.get(name) != after.get(name)
    ]


def mark_of(content: Content) -> str:
    """One digest of all content, to see whether it was written to."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def refuse_wrong_image(task: Task, sealed: Mapping[str, Any]) -> Manifest:
    """The paper of the activated state. Raises Fenced unless its dump is the one that was kept."""
    try:
        return verify_backup(Path(sealed["image"]), task.store, str(sealed["sha256"]))
    except StepFailed as error:
        raise Fenced(
            f"{error.what}: what was written since the activation cannot be counted",
            now="the database is closed, the data are as the new release left them",
            untouched="all databases",
            next="decide by hand; the former and the present database are whole",
        ) from error
