"""What an observer is told: which playbook, with which words, how often at least."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..files import make_private_dir, read_json, write_atomic

ORDERS, GIVEN, RESULT, LOG = "orders.json", "given.json", "result.json", "observer.log"

BY_HAND = "look until the windows are over: ansible-playbook playbooks/watch.yml -i <inventory>"
"""What a person does where no observer can."""


@dataclass(frozen=True)
class Orders:
    """One observer's task. ``place`` is its own directory, readable by its owner only.

    ``command`` is the argument list of the playbook; ``pace`` is in seconds: how long it waits when
    a pass could not tell when the next one is due. ``until`` is in seconds since 1970: after it
    there is nothing to see, whether or not the hosts could be asked.
    """

    system: str
    run: str
    project: Path
    place: Path
    command: tuple[str, ...]
    environment: Mapping[str, str]
    pace: float
    until: float

    @property
    def result(self) -> Path:
        """Where a pass leaves what comes next."""
        return self.place / RESULT

    @property
    def log(self) -> Path:
        """What the playbook says."""
        return self.place / LOG


def write_orders(orders: Orders, given: Mapping[str, Any]) -> Path:
    """Keep the orders and the variables that were given; return the orders' file.

    Variables may hold secrets: they lie in a file that only its owner can read, never on a command
    line. What an earlier observer left of its results is forgotten.
    """
    make_private_dir(orders.place)
    orders.result.unlink(missing_ok=True)
    write_atomic(orders.place / GIVEN, json.dumps(given).encode(), 0o600)
    told = {**asdict(orders), "project": str(orders.project), "place": str(orders.place)}
    path = orders.place / ORDERS
    write_atomic(path, json.dumps(told, indent=2, sort_keys=True).encode() + b"\n", 0o600)
    return path


def read_orders(path: Path) -> Orders:
    """The orders in a file. Raises BadInput when it holds none."""
    try:
        told = read_json(path)
        return Orders(
            system=str(told["system"]),
            run=str(told["run"]),
            project=Path(told["project"]),
            place=Path(told["place"]),
            command=tuple(map(str, told["command"])),
            environment={str(k): str(v) for k, v in told["environment"].items()},
            pace=float(told["pace"]),
            until=float(told["until"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{path} holds no orders for an observer: {error}") from error
