"""Closing the door of one server: gently for a release, at once for a host that was lost."""

from __future__ import annotations

import time
from typing import Any

from ..errors import Refused, StepFailed
from ..journal import Journal
from .door import Handle, idle
from .model import Task
from .servers import DRAIN, MAINT, Server, others_serving

ENDED_WITHIN = 5.0
"""Seconds in which HAProxy must have ended the sessions that it was told to end."""


def close(journal: Journal, task: Task, handle: Handle) -> dict[str, Any]:
    """Take a server out of the rotation, let its requests end, and shut it off.

    A drained server still gets the users whose cookie names it. So what is left when the time is
    over is ended only in maintenance, where nobody can come back in between; and who slipped in
    between the last look at the drain and the maintenance gets the rest of the time.
    """
    with journal.step(task.phase, task.step, task.inputs) as step:
        before, others = refuse_last(task, handle)
        begun = time.monotonic()
        if before.admin != MAINT:
            handle.set_admin(DRAIN)
            handle.wait(DRAIN, idle, task.door.drain_within)
        left = begun + task.door.drain_within - time.monotonic()
        after, ended = shut_off(handle, left)
        evidence = {
            "before": before.facts(),
            "after": after.facts(),
            "waited": round(time.monotonic() - begun, 3),
            "sessions_ended": ended,
            "others_serving": others,
            **handle.account(),
        }
        state = set_state(task, MAINT, before)
        step.done(state=state, evidence=evidence)
    return {"changed": before.admin != MAINT, "state": state, "evidence": evidence}


def shut(journal: Journal, task: Task, handle: Handle) -> dict[str, Any]:
    """Shut a server off at once: its host is lost, and must not serve until it is reconciled."""
    with journal.step(task.phase, task.step, task.inputs) as step:
        servers = handle.all()
        before = handle.look()
        after, ended = shut_off(handle, 0.0)
        evidence = {
            "before": before.facts(),
            "after": after.facts(),
            "sessions_ended": ended,
            "others_serving": others_serving(servers, task.door),
            **handle.account(),
        }
        state = set_state(task, MAINT, before)
        step.done(state=state, evidence=evidence)
    return {"changed": before.admin != MAINT, "state": state, "evidence": evidence}


def set_state(task: Task, admin: str, before: Server) -> dict[str, Any]:
    """What a later look compares the server with."""
    return {
        "socket": str(task.door.socket),
        "backend": task.door.backend,
        "server": task.door.server,
        "admin": admin,
        "was": before.admin,
    }


def refuse_last(task: Task, handle: Handle) -> tuple[Server, list[str]]:
    """The server and the others that serve. Raises Refused when it is the last one that does.

    One that serves nobody may always be closed: no user loses anything by it.
    """
    servers = handle.all()
    server = servers.get(task.door.server) or handle.look()
    others = others_serving(servers, task.door)
    if server.serves and not others and task.last == "refuse":
        told = ", ".join(f"{s.name} {s.status}" for s in servers.values() if s.name != server.name)
        raise Refused(
            f"{task.door.name} is the last healthy server of its backend on {task.door.host}: "
            f"closing it would turn all users away (the others: {told or 'there are none'})",
            now=f"{task.door.name} is open as before",
            untouched="every service and all data",
            next="bring another server up, or plan a downtime: `traffic_last: allow` when all "
            "hosts are closed together",
        )
    return server, others


def shut_off(handle: Handle, grace: float) -> tuple[Server, int]:
    """Put the server in maintenance, and end what is left after the grace; how many those were."""
    handle.set_admin(MAINT)
    server = handle.wait(MAINT, idle, grace)
    ended = server.sessions
    if not idle(server):
        handle.runtime.order(f"shutdown sessions server {handle.door.name}")
        server = handle.wait(MAINT, idle, ENDED_WITHIN)
    if not idle(server):
        raise StepFailed(
            f"{server.sessions} sessions of {handle.door.name} go on though HAProxy was told to "
            "end them",
            now=f"{handle.door.name} is in maintenance: no new request reaches it",
            untouched="every service and all data",
            next="look at `show sess` on the runtime socket, then run the same command again",
        )
    handle.keep()
    return server, ended
