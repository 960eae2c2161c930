"""The final image: the exact state that users last saw, for a migration that leads nowhere back."""

from __future__ import annotations

from typing import Any

from ..errors import StepFailed
from ..journal import Journal
from ..store.steps import Result, ended, last_state, needed_state
from .client import connected
from .image import discard, image_evidence, take_image
from .manifest import Manifest, verify_image
from .server import refuse_others, state_of
from .task import Task

ONE_WAY = "one_way"
LEAVING = 10.0
"""Seconds for connections of services that were just stopped to go away."""


def stage(journal: Journal, task: Task) -> Result:
    """Keep the frozen state; services must be stopped, and nobody else may be connected.

    Only a migration that cannot be undone needs it. Redis itself is not paused: nobody is there.
    """
    with journal.step(task.phase, task.step, {"class": task.migration_class}) as step:
        if task.migration_class not in ("", ONE_WAY):
            state: dict[str, Any] = {"frozen": False}
            return ended(step, state, {"frozen": False, "class": task.migration_class})
        earlier = dict(step.earlier.state) if step.earlier is not None else {}
        if earlier and last_state(journal, f"seal:{task.store.name}") is not None:
            return ended(step, earlier, {"resumed": True})  # users may be back already
        with connected(task.store, task.client_name) as client:
            refuse_others(client, LEAVING)
            manifest = still_frozen(task, earlier, state_of(client))
            if manifest is None:
                discard(task.frozen)
                taken = journal.clock.wall()
                manifest = take_image(client, task, task.frozen, taken, frozen=True)
            refuse_others(client, 0.0)
            state = {**image_state(task, manifest), "server": state_of(client)}
        return ended(step, state, image_evidence(manifest))


def still_frozen(task: Task, earlier: dict[str, Any], server: dict[str, str]) -> Manifest | None:
    """The image that this step kept before, if nobody wrote since; None when it must be taken."""
    if earlier.get("server") != server:
        return None
    return verify_image(task.frozen, task.store, str(earlier["sha256"]))


def image_state(task: Task, manifest: Manifest) -> dict[str, Any]:
    """What later steps need of the image."""
    return {
        "frozen": True,
        "directory": str(task.frozen),
        "sha256": manifest.sha256,
        "bytes": manifest.bytes,
        "keys": manifest.keys,
        "layout": manifest.layout,
    }


def seal(journal: Journal, task: Task) -> Result:
    """Prove that the image is whole, and that nobody wrote since it was taken."""
    with journal.step(task.phase, task.step, {"class": task.migration_class}) as step:
        staged = needed_state(journal, "stage", task.store.name)
        if not staged["frozen"]:
            return ended(step, {"frozen": False}, {"frozen": False})
        manifest = own_image(task, staged)
        if step.earlier is not None:
            return ended(step, dict(step.earlier.state), {"resumed": True})
        with connected(task.store, task.client_name) as client:
            refuse_others(client, LEAVING)
            refuse_written(task, staged["server"], state_of(client))
        state = {key: staged[key] for key in ("frozen", "directory", "sha256")}
        return ended(step, state, image_evidence(manifest))


def own_image(task: Task, staged: dict[str, Any]) -> Manifest:
    """The image of this run, proved again. Raises StepFailed: of another run, or damaged."""
    manifest = verify_image(task.frozen, task.store, str(staged["sha256"]))
    if manifest.run != task.run.id or not manifest.frozen:
        raise StepFailed(
            f"the image {task.frozen} belongs to the freeze point of run {manifest.run}, "
            f"not of {task.run.id}: the stores of one run go back to one instant together",
            now="it was not used",
            untouched="the live data",
            next="find out who exchanged the images of two runs",
        )
    return manifest


def refuse_written(task: Task, then: dict[str, str], now: dict[str, str]) -> None:
    """Raise StepFailed when the server was written to, or started anew, since the image."""
    if then != now:
        what = "was started anew" if then["instance"] != now["instance"] else "was written to"
        raise StepFailed(
            f"Redis at {task.store.place} {what} since its frozen image was taken",
            now="the image is not what users last saw",
            untouched="the live data",
            next="find the program that writes while the services are held, then deploy again",
        )


def activate(journal: Journal, task: Task) -> Result:
    """Record that the new release works on this store from here on: its data stay where they are.

    From this line on a rollback puts the image back.
    """
    with journal.step(task.phase, task.step, {"class": task.migration_class}) as step:
        sealed = last_state(journal, f"seal:{task.store.name}") or {"frozen": False}
        state = {"frozen": bool(sealed["frozen"]), "image": sealed.get("directory")}
        return ended(step, state, state)
