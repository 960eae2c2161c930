"""What HAProxy says of the servers of one backend, read by the names of its columns."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Refused, StepFailed
from .model import Door
from .runtime import Runtime, printable

MAINT_BITS = 0x01 | 0x02 | 0x04 | 0x20
"""Forced, inherited from a tracked server, written in the configuration, address unresolved."""

DRAIN_BITS = 0x08 | 0x10
"""Forced, inherited."""

READY, DRAIN, MAINT = "ready", "drain", "maint"
TAKES_TRAFFIC = ("1", "2")
"""Operational states: warming up (slow start), running."""

PASSED = ("L4OK", "L6OK", "L7OK", "L7OKC")


@dataclass(frozen=True)
class Server:
    """One server as the proxy sees it now.

    ``admin`` is what people asked for (ready, drain, maint), ``up`` what the proxy found,
    ``proved`` whether its health check passed as often as it must. ``weight`` and ``full_weight``
    are the present one and that of the configuration.
    """

    name: str
    admin: str
    up: bool
    proved: bool
    checked: bool
    weight: int
    full_weight: int
    sessions: int
    queued: int
    backup: bool
    status: str
    check: str

    @property
    def serves(self) -> bool:
        """True when users reach it and the proxy knows that it is well."""
        return self.admin == READY and self.up and self.checked and self.weight > 0

    def facts(self) -> dict[str, Any]:
        """What the ledger and the report keep of it."""
        return {
            "admin": self.admin,
            "status": self.status,
            "check": self.check,
            "weight": self.weight,
            "sessions": self.sessions,
        }


def read_backend(runtime: Runtime, backend: str) -> dict[str, Server]:
    """All servers of a backend. Raises Refused for an unknown one, naming the nearest."""
    states = table(state_lines(runtime, backend), None)
    numbers = {row["svname"]: row for row in stat_rows(runtime, backend)}
    found = {}
    for row in states:
        name = row["srv_name"]
        if name not in numbers:
            raise StepFailed(f"HAProxy's statistics lack the server {backend}/{name}")
        found[name] = read_server(row, numbers[name])
    return found


def state_lines(runtime: Runtime, backend: str) -> list[str]:
    """``show servers state`` of a backend from its header on."""
    said = runtime.ask(f"show servers state {backend}").splitlines()
    if said[:1] != ["1"]:
        raise unknown_backend(runtime, backend, " ".join(said))
    return said[1:]


def stat_rows(runtime: Runtime, backend: str) -> list[Mapping[str, str]]:
    """``show stat`` of the servers of a backend; 4 asks for servers, -1 for all of them."""
    said = runtime.ask(f"show stat {backend} 4 -1").splitlines()
    if not said or not said[0].startswith("#"):
        raise unknown_backend(runtime, backend, " ".join(said))
    return table(said, ",")


def table(lines: Iterable[str], comma: str | None) -> list[Mapping[str, str]]:
    """Rows by the names of the first line, which begins with a sharp."""
    plain = [line for line in lines if line.strip()]
    header = plain[0].lstrip("# ") if plain else ""
    if comma is None:
        names = header.split()
        return [dict(zip(names, line.split())) for line in plain[1:] if line[:1] != "#"]
    return list(csv.DictReader([header, *plain[1:]], delimiter=comma))


def read_server(state: Mapping[str, str], numbers: Mapping[str, str]) -> Server:
    """One server from its line in both tables. Raises StepFailed when a column is missing."""
    try:
        admin = int(state["srv_admin_state"])
        check = numbers["check_status"].lstrip("* ")
        return Server(
            name=state["srv_name"],
            admin=MAINT if admin & MAINT_BITS else DRAIN if admin & DRAIN_BITS else READY,
            up=state["srv_op_state"] in TAKES_TRAFFIC,
            proved=check in PASSED and full_health(numbers),
            checked=numbers["status"] != "no check",
            weight=int(state["srv_uweight"]),
            full_weight=int(state["srv_iweight"]),
            sessions=int(numbers["scur"] or 0),
            queued=int(numbers["qcur"] or 0),
            backup=numbers["bck"] == "1",
            status=printable(numbers["status"]),
            check=check,
        )
    except (KeyError, ValueError, TypeError) as error:
        raise StepFailed(f"HAProxy's account of a server cannot be read: {error!r}") from error


def full_health(numbers: Mapping[str, str]) -> bool:
    """True when the last check passed since the server was last looked at anew.

    Leaving maintenance a server counts as up before any check: its counter then stands at `rise`
    and only a check that passes takes it to the top.
    """
    if not numbers["check_health"]:
        return False
    top = int(numbers["check_rise"]) + int(numbers["check_fall"]) - 1
    return int(numbers["check_health"]) >= top


def find_server(servers: Mapping[str, Server], door: Door) -> Server:
    """The door's own server. Raises Refused for an unknown one, naming the nearest."""
    if door.server in servers:
        return servers[door.server]
    raise Refused(
        f"the backend {door.backend} of {door.host} has no server {door.server}; "
        + nearest(door.server, servers),
        now="nothing was changed",
        untouched="every service and all data",
        next="correct traffic.server, or add the server to HAProxy's configuration",
    )


def unknown_backend(runtime: Runtime, backend: str, said: str) -> Refused:
    """The words for a backend that HAProxy does not know."""
    known = [line for line in runtime.ask("show backend").splitlines() if line[:1] != "#"]
    return Refused(
        f"HAProxy has no backend {backend} ({printable(said)}); {nearest(backend, known)}",
        now="nothing was changed",
        untouched="every service and all data",
        next="correct traffic.backend, or add the backend to HAProxy's configuration",
    )


def nearest(name: str, known: Iterable[str]) -> str:
    """Ask whether the closest known name was meant; list them when none is close."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}?" if close else f"it has: {', '.join(names) or 'none'}"


def others_serving(servers: Mapping[str, Server], door: Door) -> list[str]:
    """The other servers that would carry the users; one for emergencies (`backup`) does not."""
    return sorted(
        s.name for s in servers.values() if s.serves and not s.backup and s.name != door.server
    )
