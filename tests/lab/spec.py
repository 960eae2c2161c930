"""What a machine is asked to be, as an inventory says it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from tests.lab.errors import LabError
from tests.lab.units import KNOWN as UNITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

DEFAULT_DISK = "2G"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,12}")
_SIZE = re.compile(r"(\d+)([KMG]?)")
_UNIT = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


@dataclass(frozen=True)
class MachineSpec:
    """A machine's name (at most 13 characters), IPv4 address, disk size in bytes, and servers.

    The name also names a network interface, `v-<name>`, and the kernel allows those 15 characters.
    """

    name: str
    address: str
    disk_bytes: int
    units: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise LabError(
                f"{self.name!r} cannot name a machine: at most 13 of a-z, 0-9 and -, a letter first"
            )
        try:
            ipaddress.IPv4Address(self.address)
        except ValueError:
            raise LabError(
                f"{self.name}: {self.address!r} is no IPv4 address; give it an ansible_host"
            ) from None
        for unit in self.units:
            if unit not in UNITS:
                raise LabError(
                    f"{self.name}: lab_units has no {unit!r}; there are: {', '.join(UNITS)}"
                )


def parse_size(text: str) -> int:
    """Return the bytes that `96M`, `2G` or `4096` stand for."""
    match = _SIZE.fullmatch(text)
    if not match:
        raise LabError(f"{text!r} is no size; write it like 96M or 2G")
    return int(match[1]) * _UNIT[match[2]]


def read_inventory(path: Path) -> list[MachineSpec]:
    """Return the machines of an inventory (a hosts.yml or the folder that holds one), by name.

    Reads `ansible_host` and the optional `lab_disk` and `lab_units` of each host, all as written:
    the lab renders no template.
    """
    file = path / "hosts.yml" if path.is_dir() else path
    try:
        groups = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise LabError(f"no inventory to read at {file}: {error}") from None
    hosts: dict[str, dict[str, Any]] = {}
    for name, variables in _hosts(groups or {}):
        hosts.setdefault(name, {}).update(variables)
    if not hosts:
        raise LabError(f"{file} names no host")
    specs = [_spec(name, variables) for name, variables in sorted(hosts.items())]
    refuse_shared_addresses(specs)
    return specs


def refuse_shared_addresses(specs: Sequence[MachineSpec]) -> None:
    """Raise LabError when two machines would have one address."""
    owners: dict[str, str] = {}
    for spec in specs:
        if (other := owners.setdefault(spec.address, spec.name)) != spec.name:
            raise LabError(
                f"{other} and {spec.name} have one address, {spec.address}; nothing was changed. "
                "Give one of them another, or remove the one that is not needed: "
                "python -m tests.lab down --inventory INVENTORY"
            )


def _hosts(groups: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for group in groups.values():
        for name, variables in ((group or {}).get("hosts") or {}).items():
            yield name, variables or {}
        yield from _hosts((group or {}).get("children") or {})


def _spec(name: str, variables: dict[str, Any]) -> MachineSpec:
    disk = parse_size(str(variables.get("lab_disk", DEFAULT_DISK)))
    units = variables.get("lab_units") or []
    if not isinstance(units, list):
        raise LabError(f"{name}: lab_units must be a list, not {units!r}")
    wanted = tuple(sorted({str(unit) for unit in units}))
    return MachineSpec(name, str(variables.get("ansible_host", "")), disk, wanted)
