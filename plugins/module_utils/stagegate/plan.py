"""What a deployment will do on one host, decided before it does anything."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from .errors import BadInput
from .ledger import digest

PHASES = (
    "preflight",
    "baseline",
    "backup",
    "release",
    "quiesce",
    "migrate",
    "restart",
    "smoke",
    "admit",
    "gate",
    "observe",
    "rollback",
    "report",
)
CHANGING = ("quiesce", "migrate", "restart", "admit")
"""Phases that live only inside a run that holds the lock."""

REQUIRES: dict[str, tuple[tuple[str, str], ...]] = {
    "quiesce": (("release", "stage"),),
    "migrate": (("quiesce", "hold"),),
    "restart": (("quiesce", "hold"),),
    "admit": (("smoke", "smoke"),),
}
"""What the ledger must hold before a phase is done by itself: no tag is destructive on its own."""

WAVES = 5
"""The most waves a rollout may have: the story in ``deploy.yml`` tells as many."""


def takes_lock(parts: Sequence[str]) -> bool:
    """True when the chosen phases begin a run: all of them, or the staging of a release."""
    return "all" in parts or "release" in parts


def is_part(parts: Sequence[str]) -> bool:
    """True for phases that live only inside a run: they go on with one that was begun."""
    return not takes_lock(parts) and any(phase in parts for phase in CHANGING)


def lacking(phase: str, done: Container[tuple[str, str]], stores: Iterable[str]) -> str:
    """The step that must be done before a phase may act and is not; empty when none is lacking."""
    needed = list(REQUIRES.get(phase, ()))
    if phase == "restart":
        needed += [("migrate", f"seal:{name}") for name in stores]
    return next((f"{p}.{s}" for p, s in needed if (p, s) not in done), "")


def wave_sizes(waves: Sequence[Any], hosts: int) -> list[int]:
    """How many hosts go forward in each wave: numbers are counts, "50%" is of all hosts.

    Sizes add up until all hosts are in: ``[1, "50%", "100%"]`` of 6 hosts is 1, 3, 2. At least one
    host goes with each wave while there are any.
    """
    sizes: list[int] = []
    left = hosts
    for wave in waves:
        share = re.fullmatch(r"(\d{1,3})%", str(wave))
        if share is None and not str(wave).isdigit():
            raise BadInput(f"rollout_waves: {wave!r} is neither a number nor a percentage")
        wanted = -(-hosts * int(share.group(1)) // 100) if share else int(wave)
        size = min(left, max(1, wanted)) if left else 0
        sizes.append(size)
        left -= size
    if left or len(sizes) > WAVES:
        raise BadInput(
            f"rollout_waves {list(waves)!r} leaves {left} of {hosts} hosts out"
            if left
            else f"rollout_waves has {len(sizes)} waves, at most {WAVES} are possible",
            next='end it with "100%"',
        )
    return sizes


def wave_of(host: str, hosts: Sequence[str], waves: Sequence[Any]) -> int:
    """The number of the wave, from 1, in which a host goes forward; hosts go in their order."""
    place = list(hosts).index(host)
    for number, size in enumerate(wave_sizes(waves, len(hosts)), start=1):
        if place < size:
            return number
        place -= size
    raise AssertionError("every host has a wave")


def deployment_plan(
    release: Mapping[str, Any],
    live: str,
    pending: Mapping[str, Sequence[str]],
    nouns: Mapping[str, Any],
    running_well: bool,
) -> dict[str, Any]:
    """The plan of a run on one host.

    ``migrate`` names the stores that have pending migrations; ``noop`` is true when the wanted
    release already runs, whole and healthy, and nothing is pending: then nothing is touched.
    """
    version = str(release["version"])
    migrate = {name: list(names) for name, names in pending.items() if names}
    return {
        "kind": "deploy",
        "from": live,
        "to": version,
        "digest": str(release.get("digest") or release.get("commit") or ""),
        "migration_class": str(release.get("migration_class") or "compatible"),
        "migrate": migrate,
        "inputs": digest(nouns)[:16],
        "noop": live == version and not migrate and running_well,
    }


def serves(services: Mapping[str, Any], version: str) -> bool:
    """True when every service runs this release, answers well, and has the unit it must have."""
    return all(
        service["active"]
        and service["unit"] == "same"
        and service["health"]["version"] == version
        and not service["health"]["fault"]
        for service in services.values()
    )
