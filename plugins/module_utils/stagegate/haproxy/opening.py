"""Opening the door: announced where the users will write, then done where the proxy stands."""

from __future__ import annotations

import time
from typing import Any

from ..errors import StepFailed
from ..journal import Journal
from .closing import set_state
from .door import Handle
from .model import Task
from .servers import DRAIN, MAINT, READY, Server


def announce(journal: Journal, task: Task) -> dict[str, Any]:
    """Record on the server's own host that its door opens now, before it does.

    From this line on users may have written on the new release, and a rollback asks before it puts
    data back. Written afterwards, a cut in between would hide those writes.
    """
    state = {"doors": "haproxy", "host": task.door.host, "server": task.door.name}
    with journal.step(task.phase, "open", state) as step:
        step.done(state=state)
    return {"changed": True, "state": state}


def open_door(journal: Journal, task: Task, handle: Handle) -> dict[str, Any]:
    """Let users reach a server, once the proxy's own health check has found it well.

    Out of maintenance a server counts as up before its first check. So it comes back as drained,
    where it is checked and gets nobody, and is made ready when a check has passed. On the way back
    a door that nobody closed stays as it is: its host may be unwell for another's sake, and to shut
    it or to fence its services would make that worse. The proxy itself keeps users off while it is.
    """
    with journal.step(task.phase, task.step, task.inputs) as step:
        before = handle.look()
        begun = time.monotonic()
        refuse_unreachable(task, before)
        after = before
        if before.admin != READY or task.phase != "rollback":
            after = let_in(task, handle, before)
        handle.keep()
        evidence = {
            "before": before.facts(),
            "after": after.facts(),
            "waited": round(time.monotonic() - begun, 3),
            **handle.account(),
        }
        state = set_state(task, READY, before)
        step.done(state=state, evidence=evidence)
    return {"changed": before.admin != READY, "state": state, "evidence": evidence}


def let_in(task: Task, handle: Handle, before: Server) -> Server:
    """Make a server ready once it is well; one that does not become well is shut."""
    if before.admin != READY:
        handle.set_admin(DRAIN)
        checked = handle.wait(DRAIN, well, task.door.ready_within)
        if not well(checked):
            raise give_up(task, handle, checked)
        handle.set_admin(READY)
    after = handle.wait(READY, well, task.door.ready_within)
    if not after.serves:
        raise give_up(task, handle, after)
    return after


def well(server: Server) -> bool:
    """True when the proxy's health check passed as often as it must."""
    return server.up and server.proved


def refuse_unreachable(task: Task, server: Server) -> None:
    """Raise StepFailed for a server that would be open and still get nobody, or unproved."""
    if server.checked and server.weight > 0:
        return
    reason = "its weight is 0" if server.checked else "HAProxy does not check its health"
    cure = (
        "give it a weight first (traffic_action: weight)"
        if server.checked
        else "add `check` to the server in HAProxy's configuration"
    )
    raise StepFailed(
        f"{task.door.name} on {task.door.host} cannot be opened: {reason}",
        now=f"{task.door.name} is in {server.admin} as before",
        untouched="every service and all data",
        next=cure,
    )


def give_up(task: Task, handle: Handle, found: Server) -> StepFailed:
    """Shut a server that does not become well; the words for it."""
    handle.set_admin(MAINT)
    handle.keep()
    return StepFailed(
        f"HAProxy on {task.door.host} does not find {task.door.name} well within "
        f"{task.door.ready_within:g} s: it is {found.status} (last check: {found.check or 'none'})",
        now=f"{task.door.name} is in maintenance: no user reaches it",
        untouched="the other servers of the backend",
        next="see why the proxy's health check fails from the proxy's own host",
    )
