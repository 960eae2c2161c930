"""What a user declares of the door, read once and checked, and one call of the driver."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..journal import Run

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,63}")
"""A proxy or a server. HAProxy's commands end at a newline or a semicolon: neither fits in here."""

SOCKET = "/run/haproxy/admin.sock"
DRAIN_WITHIN, READY_WITHIN = 10.0, 30.0
LAST = ("refuse", "allow")


@dataclass(frozen=True)
class Door:
    """Where one server of a backend is opened and closed.

    ``drain_within``: seconds that the requests under way get to end. ``ready_within``: seconds in
    which the proxy's own health check must find the server well.
    """

    host: str
    backend: str
    server: str
    socket: Path = Path(SOCKET)
    drain_within: float = DRAIN_WITHIN
    ready_within: float = READY_WITHIN

    @property
    def name(self) -> str:
        """The server as HAProxy's commands name it."""
        return f"{self.backend}/{self.server}"

    @classmethod
    def from_params(cls, noun: Mapping[str, Any], server: str = "") -> Door:
        """Read the noun ``traffic``; raise BadInput naming the key that is wrong."""
        socket = str(noun.get("socket") or SOCKET)
        if not socket.startswith("/") or socket != os.path.normpath(socket) or "\0" in socket:
            raise BadInput(f"traffic.socket: {socket!r} must be an absolute path without .. or //")
        return cls(
            host=named(noun.get("host"), "traffic.host"),
            backend=named(noun.get("backend"), "traffic.backend"),
            server=named(server or noun.get("server"), "traffic.server"),
            socket=Path(socket),
            drain_within=seconds(noun.get("drain_within"), DRAIN_WITHIN, "traffic.drain_within"),
            ready_within=seconds(noun.get("ready_within"), READY_WITHIN, "traffic.ready_within"),
        )


@dataclass(frozen=True)
class Task:
    """One call: ``last`` says whether the last healthy server may be closed, ``weight`` percent."""

    action: str
    phase: str
    run: Run
    door: Door
    last: str = "refuse"
    weight: int | None = None

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Task:
        """Read the module's parameters; raise BadInput naming the one that is wrong."""
        last = str(params.get("last") or "refuse")
        if last not in LAST:
            raise BadInput(f"last: {last!r} is not possible, only {' or '.join(LAST)}")
        weight = params.get("weight")
        if weight is not None and not 0 <= int(weight) <= 100:
            raise BadInput(f"weight: {weight} must be a percentage, 0 to 100")
        return cls(
            action=str(params["action"]),
            phase=str(params.get("phase") or "admit"),
            run=Run.from_params(params["run"]),
            door=Door.from_params(params["traffic"], str(params.get("server") or "")),
            last=last,
            weight=None if weight is None else int(weight),
        )

    @property
    def step(self) -> str:
        """The name of this action's step in the door host's ledger."""
        return f"{self.action}:{self.door.server}"

    @property
    def inputs(self) -> dict[str, Any]:
        """What the step depends on."""
        inputs: dict[str, Any] = {"socket": str(self.door.socket), "server": self.door.name}
        return inputs if self.weight is None else {**inputs, "weight": self.weight}


def named(value: object, key: str) -> str:
    """A name that may stand in a command. Raises BadInput."""
    text = str(value or "")
    if not NAME.fullmatch(text):
        raise BadInput(f"{key}: {text!r} is not a name (letters, digits, _ . : and -)")
    return text


def seconds(value: object, default: float, key: str) -> float:
    """A time that is not negative. Raises BadInput."""
    if value is None:
        return default
    try:
        number = float(str(value))
    except ValueError as error:
        raise BadInput(f"{key}: {value!r} is no number of seconds") from error
    if not 0 <= number < float("inf"):
        raise BadInput(f"{key}: {value!r} is no number of seconds")
    return number
