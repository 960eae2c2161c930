"""Machines of the lab for the bench alone, with an inventory of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.bench.databases import ROOT
from tests.bench.model import NotMeasuredError
from tests.lab import Lab, LabError, missing_requirements

NET = "10.77.0"
FIRST_ADDRESS = 61
STAGING = ROOT / "inventories" / "staging" / "group_vars"
SETTINGS = {
    # One wave, so that the ratio of many hosts to one shows what a host costs and not a wave.
    "rollout_waves": ["100%"],
    # The hosts share this machine's cores with each other and with the controller.
    "query_p99_limit": 1000,
}


@contextmanager
def fresh_hosts(count: int) -> Iterator[Path]:
    """The inventory of so many machines on empty disks; they are removed at the end.

    Machines of other inventories stay as they are. Raises NotMeasuredError where none can boot.
    """
    if missing := missing_requirements():
        raise NotMeasuredError(missing)
    with tempfile.TemporaryDirectory(prefix="stagegate-bench-") as place:
        inventory = Path(place) / "inventory"
        write_inventory(inventory, Path(place) / "ssh", count)
        try:
            with booted(inventory):
                yield inventory
        except (LabError, OSError) as reason:
            raise NotMeasuredError(" ".join(str(reason).split())) from reason


@contextmanager
def booted(inventory: Path) -> Iterator[None]:
    """Boot an inventory's machines, and remove them whatever happens. Raises LabError, OSError."""
    lab = Lab()
    try:
        lab.up(inventory, fresh=True)
        yield
    finally:
        lab.down(inventory)


def names(count: int) -> list[str]:
    """The names of so many machines."""
    return [f"bench{number + 1}" for number in range(count)]


def write_inventory(inventory: Path, sockets: Path, count: int) -> None:
    """Describe the machines as inventories/staging describes its own.

    Ansible's open connections go below `sockets`: one to a machine that was removed would be taken
    for one to the machine which has its address now.
    """
    hosts = {
        name: {"ansible_host": f"{NET}.{FIRST_ADDRESS + number}", "lab_disk": "1G"}
        for number, name in enumerate(names(count))
    }
    system = inventory / "group_vars" / "abathur"
    system.mkdir(parents=True)
    (system / "00_system").symlink_to(ROOT / "systems" / "abathur")
    (system / "staging.yml").symlink_to(STAGING / "abathur" / "staging.yml")
    (system / "connection.yml").symlink_to(STAGING / "abathur" / "connection.yml")
    settings = {**SETTINGS, "ansible_control_path_dir": str(sockets)}
    (system / "bench.yml").write_text(yaml.safe_dump(settings))
    (inventory / "hosts.yml").write_text(yaml.safe_dump({"abathur": {"hosts": hosts}}))
