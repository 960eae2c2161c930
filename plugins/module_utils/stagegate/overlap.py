"""Two names for one place: hosts that are one machine, stores that share a directory or a database.

Whoever goes back under one name would take along what is still good under the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from .clock import Clock
from .places import url

MADE = ("current", "generations")
"""What a store keeps below its directory: the live link, and what it leads to."""


@dataclass(frozen=True)
class Claim:
    """A place that a host uses as its own; ``key`` is what a user wrote to say so."""

    host: str
    machine: str
    key: str
    place: str

    def __str__(self) -> str:
        return f"{self.key} of {self.host}"


def read_machine(clock: Clock) -> str:
    """The name of the running machine, which no other has; empty where it cannot be told.

    The boot id is one for each boot of a kernel, the mount namespace one for each container on it.
    The machine id will not do: a copied machine keeps it.
    """
    try:
        return f"{clock.boot_id()}/{Path('/proc/self/ns/mnt').readlink()}"
    except OSError:
        return ""


def claims_of(
    host: str, machine: str, roots: Mapping[str, str], stores: Iterable[Mapping[str, Any]]
) -> list[Claim]:
    """What one host claims: its roots by their keys, and the place of each store."""
    claims = [Claim(host, machine, key, place) for key, place in roots.items()]
    claims += [Claim(host, machine, f"stores.{s['name']}", store_place(s)) for s in stores]
    return claims


def store_place(store: Mapping[str, Any]) -> str:
    """The directory that a store fills, or the URL of its database."""
    if "database" in store:
        return url(store, str(store["database"]))
    if "data" in store:
        return str(store["data"])
    return str(PurePosixPath(str(store["path"])).parent.parent)


def overlapping(claims: Iterable[Claim]) -> list[tuple[Claim, Claim]]:
    """The pairs of claims on one place of one machine."""
    return [
        (one, other)
        for one, other in itertools.combinations(claims, 2)
        if one.machine == other.machine != ""
        and (within(one.place, other.place) or within(other.place, one.place))
    ]


def within(place: str, other: str) -> bool:
    """True for the same place, and for one among the generations of the other."""
    return place == other or place.startswith(tuple(f"{other}/{name}/" for name in MADE))


def told(pair: tuple[Claim, Claim]) -> str:
    """One sentence on a pair."""
    one, other = pair
    if one.key == other.key and not one.key.startswith("stores."):
        return f"{one.host} and {other.host} are one machine: {one.key} of both is {one.place}"
    return f"{one} and {other} are one place: {one.place}"
