"""What a deployment will do on one host, decided before it does anything."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from .errors import BadInput
from .ledger import digest
from .places import in_place

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

REVERSIBLE = ("alembic",)
"""Kinds of migrations that can lead down again."""

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

    Sizes add up until all hosts are in: ``[1, "50%", "100%"]`` of 6 hosts is 1, 3, 2. A share is
    rounded down, as Ansible's ``serial`` does, but at least one host goes with each wave while
    there are any.
    """
    sizes: list[int] = []
    left = hosts
    for wave in waves:
        share = re.fullmatch(r"(\d{1,3})%", str(wave))
        if share is None and not str(wave).isdigit():
            raise BadInput(f"rollout_waves: {wave!r} is neither a number nor a percentage")
        wanted = hosts * int(share.group(1)) // 100 if share else int(wave)
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


def wave_of(
    host: str, serving: Mapping[str, bool], waves: Sequence[Any], migration_class: str
) -> int:
    """The number of the wave, from 1, in which a host goes forward.

    ``serving`` tells of each host of the system, in their order, whether services run on it. Hosts
    without any (a shared database, a proxy) go first, with the canary. A schema of a shared store
    that the former release cannot use lets nobody stay behind: then all go in one wave.
    """
    together = not all(serving.values()) and migration_class != "compatible"
    if together or not serving[host]:
        return 1
    place = [name for name, serves in serving.items() if serves].index(host)
    for number, size in enumerate(wave_sizes(waves, sum(serving.values())), start=1):
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

    ``migrate`` names the stores that have pending migrations; ``freeze`` those that have none but
    are copied all the same: because the release's data may have to go back as a whole, or because
    something in them can only be left out of a new copy (``nouns.mend``);
    ``in_place`` those whose live data the migration itself changes.
    ``noop`` is true when the wanted release already runs, whole and healthy, and nothing is
    pending: then nothing is touched.
    """
    version = str(release["version"])
    migrate = {name: list(names) for name, names in pending.items() if names}
    migration_class = str(release.get("migration_class") or "compatible")
    stores = [store for store in nouns["stores"] if store["name"] in migrate]
    refuse_impossible_way_down(stores, migration_class)
    whole = migration_class == "one_way" and migrate
    mend = [str(name) for name in nouns.get("mend") or ()]
    plain = [s["name"] for s in nouns["stores"] if "migrations" not in s] if whole else []
    return {
        "kind": "deploy",
        "from": live,
        **identity(release, nouns),
        "migration_class": migration_class,
        "migrate": migrate,
        "freeze": [name for name in dict.fromkeys([*plain, *mend]) if name not in migrate],
        "in_place": [s["name"] for s in stores if in_place(s, migration_class)],
        "doors": nouns.get("doors", "none"),
        "serves": bool(nouns["services"]),
        "stores": [str(store["name"]) for store in nouns["stores"]],
        "code": release.get("kind") != "none",
        "secrets": bool(nouns.get("secrets")),
        "noop": live == version and not migrate and not mend and running_well,
    }


def identity(release: Mapping[str, Any], nouns: Mapping[str, Any]) -> dict[str, str]:
    """What makes a deployment this one: a run is resumed only with the same."""
    written = {name: noun for name, noun in nouns.items() if name != "mend"}
    return {
        "to": str(release["version"]),
        "digest": str(release.get("digest") or release.get("commit") or ""),
        "inputs": digest(written)[:16],
    }


def refuse_impossible_way_down(stores: Iterable[Mapping[str, Any]], migration_class: str) -> None:
    """Raise BadInput for a way down that the store's migrations do not have."""
    for store in stores:
        kind = store["migrations"]["kind"]
        if migration_class == "reversible" and kind not in REVERSIBLE:
            raise BadInput(
                f"release.migration_class is reversible, but migrate_{kind} of the store "
                f"{store['name']} has no way down",
                next="declare it compatible (proved by the rehearsal) or one_way",
            )


def serves(services: Mapping[str, Any], version: str) -> bool:
    """True when every service runs this release, answers well, and has the unit it must have."""
    return all(
        service["active"]
        and service["unit"] == "same"
        and service["health"]["version"] == version
        and not service["health"]["fault"]
        for service in services.values()
    )
