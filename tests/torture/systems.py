"""The systems of this machine that are tortured, and what differs between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class LocalSystem:
    """A system that runs on this machine without machines of its own.

    ``ports``: the variable that each service's port is given by; the first one is written to.
    ``stores``: the link of each store's live data, below the data root.
    ``good`` are two releases that follow each other, ``bad`` one that is put back after it served.
    """

    name: str
    inventory: str
    ports: Mapping[str, str]
    stores: Mapping[str, str]
    good: tuple[str, str]
    bad: str
    settings: Mapping[str, Any] = field(default_factory=dict)


ABATHUR = LocalSystem(
    name="abathur",
    inventory="local",
    ports={"api": "api_port", "workers": "workers_port"},
    stores={"memory": "current"},
    good=("1.0", "1.1"),
    bad="2.5-lies",
)
TOON = LocalSystem(
    name="toon",
    inventory="toon",
    ports={"api": "api_port"},
    stores={"facts": "facts/current", "contexts": "contexts/current"},
    good=("1.0", "1.1"),
    bad="2.3-stores-nothing",
)
LOCAL = {system.name: system for system in (ABATHUR, TOON)}
QUICK: dict[str, Any] = {"windows": [], "gates": [], "measure_seconds": 1, "stable_seconds": 1}
"""A fault is looked for, not a slow release: what only measures is as short as it can be."""
