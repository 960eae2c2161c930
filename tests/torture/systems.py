"""The systems of this machine that are tortured, and what differs between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Released:
    """A system with two good releases that follow each other.

    ``forgets``: seconds of acknowledged writes that the store itself may lose with the power, with
    no deployment at all; 0 for one that syncs before it acknowledges.
    """

    name: str
    good: tuple[str, str]
    forgets: float = 0.0


@dataclass(frozen=True, kw_only=True)
class LocalSystem(Released):
    """A system that runs on this machine without machines of its own.

    ``ports``: the variable that each service's port is given by; the first one is written to.
    ``stores``: the link of each store's live data, below the data root.
    """

    inventory: str
    ports: Mapping[str, str]
    stores: Mapping[str, str]


# SQLite in WAL mode with synchronous=NORMAL syncs at checkpoints only; what was written before is
# on the disk once the kernel wrote it out: vm.dirty_expire_centisecs (30 s), looked at every
# vm.dirty_writeback_centisecs (5 s).
WRITTEN_OUT_WITHIN = 40.0
ABATHUR = LocalSystem(
    name="abathur",
    forgets=WRITTEN_OUT_WITHIN,
    inventory="local",
    ports={"api": "api_port", "workers": "workers_port"},
    stores={"memory": "current"},
    good=("1.0", "1.1"),
)
TOON = LocalSystem(
    name="toon",
    inventory="toon",
    ports={"api": "api_port"},
    stores={"facts": "facts/current", "contexts": "contexts/current"},
    good=("1.0", "1.1"),
)
SPARKLE = Released(name="sparkle", good=("1.0", "1.1"))
LOCAL = {system.name: system for system in (ABATHUR, TOON)}
QUICK: dict[str, Any] = {"windows": [], "gates": [], "measure_seconds": 1, "stable_seconds": 1}
"""A fault is looked for, not a slow release: what only measures is as short as it can be."""
