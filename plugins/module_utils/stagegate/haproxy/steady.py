"""What was set stays set: a reload that forgot it is found, and it is set again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import StepFailed
from ..journal import Journal
from ..ledger import Entry
from .closing import set_state, shut_off
from .door import Handle
from .model import Task
from .opening import well
from .servers import DRAIN, READY, Server

ACTIONS = ("open", "close", "shut", "steady")


def steady(journal: Journal, task: Task, handle: Handle) -> dict[str, Any]:
    """Compare a server with what the ledger last set, in this or an earlier run; set it again.

    Of a server that no run ever touched nothing is expected. Raises StepFailed when HAProxy cannot
    be brought back.
    """
    admin = last_value(journal.entries, task, "admin")
    weight = last_value(journal.entries, task, "weight")
    with journal.step(task.phase, task.step, task.inputs) as step:
        before = handle.look()
        lost = admin is not None and before.admin != admin
        light = weight is not None and before.weight != weight
        if light:
            set_weight(task, handle, int(weight))
        if lost:
            set_again(task, handle, str(admin))
        after = handle.look()
        if lost or light:
            handle.keep()
        evidence = {
            "before": before.facts(),
            "after": after.facts(),
            "expected": {"admin": admin, "weight": weight},
            "set_again": lost or light,
            **handle.account(),
        }
        state = set_state(task, after.admin if admin is None else str(admin), before)
        step.done(state=state, evidence=evidence)
    return {"changed": lost or light, "state": state, "evidence": evidence}


def last_value(entries: Iterable[Entry], task: Task, key: str) -> Any:
    """What a finished step last set of this server; None when none did."""
    found = None
    for entry in entries:
        of_door = (entry.state.get("backend"), entry.state.get("server"))
        mine = of_door == (task.door.backend, task.door.server)
        if entry.kind == "done" and mine and key in entry.state:
            found = entry.state[key]
    return found


def set_again(task: Task, handle: Handle, admin: str) -> None:
    """Bring a server back into the state that it had; opened only when it is found well."""
    if admin != READY:
        shut_off(handle, task.door.drain_within)
        return
    handle.set_admin(DRAIN)
    if not well(handle.wait(DRAIN, well, task.door.ready_within)):
        raise StepFailed(
            f"{task.door.name} was open and is not any more, and HAProxy does not find it well "
            f"within {task.door.ready_within:g} s",
            now=f"{task.door.name} is drained: no new user reaches it",
            untouched="the other servers of the backend",
            next="see why the proxy's health check fails from the proxy's own host",
        )
    handle.set_admin(READY)


def weigh(journal: Journal, task: Task, handle: Handle) -> dict[str, Any]:
    """Set a server's share of the traffic in percent of its configured weight, and read it back."""
    with journal.step(task.phase, task.step, task.inputs) as step:
        before = handle.look()
        wanted = whole_weight(task, before)
        if before.weight != wanted:
            set_weight(task, handle, wanted)
            handle.keep()
        after = handle.look()
        evidence = {
            "before": before.facts(),
            "after": after.facts(),
            "percent": task.weight,
            "configured": before.full_weight,
            **handle.account(),
        }
        state = {**set_state(task, before.admin, before), "weight": wanted}
        del state["admin"]  # a weight says nothing of open or closed
        step.done(state=state, evidence=evidence)
    return {"changed": before.weight != wanted, "state": state, "evidence": evidence}


def whole_weight(task: Task, server: Server) -> int:
    """The weight that a percentage means. Raises StepFailed when it would round to nothing."""
    if task.weight is None:
        raise StepFailed("no weight was given; name a percentage (traffic_weight)")
    wanted = server.full_weight * task.weight // 100
    if task.weight and wanted * 100 != server.full_weight * task.weight:
        raise StepFailed(
            f"{task.weight} % of the configured weight {server.full_weight} of {task.door.name} "
            f"is no whole number: HAProxy would make it {wanted}",
            now=f"its weight is {server.weight} as before",
            untouched="every service and all data",
            next="configure the servers of the backend with `weight 100`",
        )
    return wanted


def set_weight(task: Task, handle: Handle, wanted: int) -> None:
    """Set a weight and read it back. Raises StepFailed when HAProxy does not take it."""
    handle.runtime.order(f"set server {task.door.name} weight {wanted}")
    found = handle.look().weight
    if found != wanted:
        raise StepFailed(
            f"HAProxy says that {task.door.name} has the weight {found} after {wanted} was set",
            now="the shares of the servers are as `show stat` tells",
            untouched="every service and all data",
            next="find out what reloads HAProxy or sets its weights, then run this again",
        )
