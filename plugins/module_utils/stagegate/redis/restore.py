"""Going back: the server loads again what users last saw before the migration.

What is asked and proved before the server stops: the image is this run's and whole, nobody is
connected, and what would be lost is counted and given up. The present files are moved aside, never
removed. Afterwards every key is counted and digested through the running server: with append-only
files in place it would start well and hold what was to go.
"""

from __future__ import annotations

import time
from typing import Any

from ..errors import Fenced, StepFailed
from ..journal import Journal
from ..ledger import Entry
from ..store.steps import Result, ended, entries_of, last_state, needed_state
from .client import Client, Unreachable, connect, connected
from .content import Content, read_content
from .difference import differences
from .evidence import pin, written_since
from .freeze import LEAVING, own_image
from .image import served_image
from .manifest import Manifest
from .placing import put_image, take_aside
from .server import Layout, layout_of, refuse_others, settings, wait_until_loaded
from .task import Task
from .unit import Unit

COMMAND = "ansible-playbook playbooks/rollback.yml -i <inventory>"
REPLACING = "replacing"
"""The note in the ledger from which on the live files are this step's own work."""


def restore(journal: Journal, task: Task, unit: Unit) -> Result:
    """Put the image of this run back; say so when there was nothing to put back."""
    with journal.step(task.phase, task.step, {"place": task.store.place}) as step:
        staged = last_state(journal, f"stage:{task.store.name}")
        former = last_state(journal, task.step)
        if former is not None and former["restored"]:
            return ended(step, former, {"resumed": True})  # users may be back already
        if staged is None or not staged["frozen"] or not activated(journal, task):
            state: dict[str, Any] = {"restored": False}
        else:
            state = put_back(journal, task, unit, staged)
        return ended(step, state, state)


def activated(journal: Journal, task: Task) -> bool:
    """True once this run began to let the new release work on the store."""
    return bool(entries_of(journal, f"activate:{task.store.name}"))


def put_back(journal: Journal, task: Task, unit: Unit, staged: dict[str, Any]) -> dict[str, Any]:
    """Prove, stop, exchange, start, prove again."""
    refuse_unguarded(task)
    manifest = whole_image(task, staged)
    begun = replacing(journal, task)
    layout, lost = questioned(journal, task, staged, begun)
    if begun is None:
        note = {REPLACING: True, "lost_keys": lost, "layout": layout.plain()}
        journal.note(task.phase, task.step, state=note)
        pin(task)
    unit.stop()
    aside = take_aside(layout, task.left_prefix)
    appends = layout.appends or (aside is not None and (aside / layout.aof.name).exists())
    put_image(task.store, layout, task.frozen / manifest.file, manifest, appends)
    unit.start()
    found = prove(task, manifest)
    return {
        "restored": True,
        "image": str(task.frozen),
        "sha256": manifest.sha256,
        "keys": found.keys,
        "expired_since": manifest.keys - found.keys,
        "content": found.sha256,
        "appends": appends,
        "aside": None if aside is None else str(aside),
        "lost_keys": lost,
    }


def refuse_unguarded(task: Task) -> None:
    """Raise Fenced unless the start guard keeps the services of this host down."""
    if not task.run.guard.exists():
        raise Fenced(
            f"the start guard {task.run.guard} is missing: a service could write in the middle of "
            "the exchange",
            now="nothing was moved",
            untouched="the live data",
            next="hold the services first; this action runs after that one",
        )


def whole_image(task: Task, staged: dict[str, Any]) -> Manifest:
    """The image of this run, proved. Raises Fenced."""
    try:
        return own_image(task, staged)
    except StepFailed as error:
        raise Fenced(
            error.what,
            now="services are held, nothing was moved",
            untouched="the live data",
            next=error.next,
        ) from error


def replacing(journal: Journal, task: Task) -> Entry | None:
    """This run's note that it has begun to exchange the files, if it has."""
    notes = entries_of(journal, task.step)
    return next((entry for entry in notes if entry.state.get(REPLACING)), None)


def questioned(
    journal: Journal, task: Task, staged: dict[str, Any], begun: Entry | None
) -> tuple[Layout, int]:
    """Where the data lie, and how many keys going back loses, with leave. Raises Fenced.

    Once the exchange has begun only that note is asked: what a server shows then is our own work.
    """
    if begun is not None:
        if (client := reached(task)) is not None:
            with client.link:
                refuse_others(client, LEAVING, Fenced)
        return Layout(**begun.state["layout"]), int(begun.state["lost_keys"])
    if (client := reached(task)) is None:
        if was_admitted(journal, task) and not task.store.expendable:
            raise Fenced(
                f"Redis at {task.store.place} is down: what would be lost cannot be counted",
                now="services are held, nothing was moved",
                untouched="the live data",
                next=f"start it (systemctl start {task.store.unit}), then {COMMAND}",
            )
        return Layout(**staged["layout"]), 0
    with client.link:
        refuse_others(client, LEAVING, Fenced)
        lost = accepted_loss(journal, task, staged, client)
        return layout_of(settings(client)), lost


def reached(task: Task) -> Client | None:
    """A connection to the server; None when it is down."""
    try:
        return connect(task.store, task.client_name)
    except Unreachable:
        return None


def accepted_loss(journal: Journal, task: Task, staged: dict[str, Any], client: Client) -> int:
    """How many keys going back loses, with leave. Raises Fenced without it.

    They are counted again now: the leave was given for that many and no other. Before users were
    admitted only our own smoke tests wrote, and of what can be computed again nobody is asked.
    """
    if not was_admitted(journal, task):
        return 0
    needed_state(journal, "delta", task.store.name)
    delta = written_since(task, staged, client, task.evidence / "lost.jsonl")
    if delta.count and not task.store.expendable and task.accepted_loss != delta.count:
        said = (
            ""
            if task.accepted_loss is None
            else f", not {task.accepted_loss} as accept_data_loss says"
        )
        told = "; ".join(
            f"db{database}: " + ", ".join(f"{n} {op}" for op, n in counts.items() if n)
            for database, counts in delta.databases.items()
        )
        raise Fenced(
            f"putting {task.store.name} back on {task.run.host} would lose {delta.count} keys "
            f"written since the new release went live{said} ({told})",
            now=f"services are held by the start guard; the keys are exported to {delta.file}",
            untouched="the live data: nothing was moved, nothing is lost yet",
            next=f"to give up exactly these {delta.count} keys: {COMMAND} "
            f"-e accept_data_loss={delta.count}; to keep them: correct the release and deploy "
            "forward",
        )
    return delta.count


def was_admitted(journal: Journal, task: Task) -> bool:
    """True when users may have written; with nothing said, from the first start of the services."""
    if task.admitted is not None:
        return task.admitted
    return any(entry.phase == "restart" for entry in entries_of(journal, "start"))


def prove(task: Task, manifest: Manifest) -> Content:
    """Count and digest every key through the running server. Raises Fenced.

    Keys that go away by themselves may have done so since the image; those that are left must be
    the image's.
    """
    with connected(task.store, task.client_name, task.deadline) as client:
        wait_until_loaded(client, time.monotonic() + task.deadline)
        found = read_content(client)
        wanted = Content(**manifest.content)
        problem = unlike(wanted, found)
        if not problem and found.volatile_sha256 != wanted.volatile_sha256:
            layout = Layout(**manifest.layout)
            with served_image(task, task.frozen / manifest.file, layout.databases) as image:
                strange = next(differences(image, client), None)
            problem = f"it holds another {strange.key!r}" if strange is not None else ""
    if problem:
        raise Fenced(
            f"Redis at {task.store.place} does not hold the image after its start: {problem}",
            now="services are held; the former files lie beside the live ones",
            untouched="the image and the former files",
            next=f"see the log of {task.store.unit} and its setting `appendonly`",
        )
    return found


def unlike(wanted: Content, found: Content) -> str:
    """How the lasting keys differ from those of an image, in words; empty when they do not."""
    if found.lasting != wanted.lasting:
        return f"{found.lasting} lasting keys, the image has {wanted.lasting}"
    if found.volatile_keys > wanted.volatile_keys:
        return f"{found.volatile_keys} keys that expire, the image has {wanted.volatile_keys}"
    if found.sha256 != wanted.sha256:
        return "other content in as many keys"
    return ""
