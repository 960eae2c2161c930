"""What preflight asks of the door, and every reason to refuse a deployment before it begins."""

from __future__ import annotations

import stat
from typing import Any

from ..errors import Refused, StepFailed
from .door import Handle
from .model import Door
from .servers import Server, others_serving

ADMIN = "admin"


def probe(handle: Handle) -> dict[str, Any]:
    """The facts of a door that may be worked. Raises Refused; changes and writes nothing."""
    door = handle.door
    refuse_open_socket(door)
    refuse_few_rights(handle)
    servers = handle.all()
    server = handle.look()
    refuse_unchecked(door, server)
    return {
        "doors": "haproxy",
        "version": handle.runtime.ask("show version"),
        "pid": handle.pid,
        "backend": door.backend,
        "server": server.name,
        "state": server.facts(),
        "servers": {s.name: s.facts() for s in servers.values()},
        "others_serving": others_serving(servers, door),
        "survives_reload": handle.survival.kept,
        "survival": {"method": handle.survival.method, "file": handle.survival.file or None},
    }


def refuse_open_socket(door: Door) -> None:
    """Raise Refused when anybody on the host could close the door to all users."""
    mode = door.socket.stat().st_mode
    if mode & stat.S_IWOTH:
        raise refused(
            f"everybody on {door.host} may command HAProxy: {door.socket} has the mode "
            f"{stat.S_IMODE(mode):04o}",
            "configure it with `mode 660`",
        )


def refuse_few_rights(handle: Handle) -> None:
    """Raise Refused when the socket may look but not change."""
    level = handle.runtime.ask("show cli level")
    if level != ADMIN:
        raise refused(
            f"the socket {handle.door.socket} gives the level {level}, which changes nothing",
            "configure it with `level admin`",
        )


def refuse_unchecked(door: Door, server: Server) -> None:
    """Raise Refused for a server whose health the proxy never looks at."""
    if not server.checked:
        raise refused(
            f"HAProxy does not check the health of {door.name}: nothing could prove that it is up",
            "add `check` to the server in HAProxy's configuration",
        )


def refused(what: str, after: str) -> Refused:
    """A refusal before anything changed."""
    return Refused(
        what, now="nothing was changed", untouched="every service and all data", next=after
    )


def as_refusal(error: StepFailed) -> Refused:
    """What failed before anything was touched is a refusal."""
    return Refused(
        error.what, now="nothing was changed", untouched=error.untouched, next=error.next
    )
