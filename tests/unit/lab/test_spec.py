"""What an inventory may ask of the lab."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import LabError, MachineSpec, read_inventory
from tests.lab.spec import parse_size

PROJECT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("text", "size"), [("4096", 4096), ("64K", 65536), ("96M", 100663296), ("2G", 2147483648)]
)
def test_sizes_are_binary(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "M", "2g", "1.5G", "-1", "2 G"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(LabError, match="no size"):
        parse_size(text)


@pytest.mark.parametrize("name", ["", "fourteen-chars", "1st", "Web", "web_1", "../web"])
def test_a_name_that_cannot_name_an_interface_is_refused(name):
    with pytest.raises(LabError, match="at most 13"):
        MachineSpec(name, "10.77.0.11", 1)


@pytest.mark.parametrize("address", ["", "10.77.0", "10.77.0.256", "web1.example.org", "::1"])
def test_a_host_without_an_address_is_refused(address):
    with pytest.raises(LabError, match="ansible_host"):
        MachineSpec("web1", address, 1)


def test_an_inventory_is_read_through_its_children(tmp_path):
    (tmp_path / "hosts.yml").write_text(
        """
        site:
          children:
            web: {hosts: {web2: {ansible_host: 10.77.0.22}, web1: {ansible_host: 10.77.0.21}}}
            small: {hosts: {web2: {lab_disk: 96M}}}
        """,
        encoding="utf-8",
    )
    assert read_inventory(tmp_path) == [
        MachineSpec("web1", "10.77.0.21", 2 * 2**30),
        MachineSpec("web2", "10.77.0.22", 96 * 2**20),
    ]


def test_the_servers_a_host_asks_for_are_read(tmp_path):
    (tmp_path / "hosts.yml").write_text(
        "data: {hosts: {db1: {ansible_host: 10.77.0.22, lab_units: [redis-server, postgresql]}}}",
        encoding="utf-8",
    )
    assert read_inventory(tmp_path)[0].units == ("postgresql", "redis-server")


@pytest.mark.parametrize("units", ["postgresql", "[mysql]", "[../../ssh]"])
def test_a_server_that_no_machine_has_is_refused(tmp_path, units):
    hosts = f"data: {{hosts: {{db1: {{ansible_host: 10.77.0.22, lab_units: {units}}}}}}}"
    (tmp_path / "hosts.yml").write_text(hosts, encoding="utf-8")
    with pytest.raises(LabError, match="lab_units"):
        read_inventory(tmp_path)


def test_two_machines_cannot_have_one_address(tmp_path):
    hosts = "web: {hosts: {a: {ansible_host: 10.77.0.22}, b: {ansible_host: 10.77.0.22}}}"
    (tmp_path / "hosts.yml").write_text(hosts, encoding="utf-8")
    with pytest.raises(LabError, match="a and b have one address"):
        read_inventory(tmp_path)


@pytest.mark.parametrize("text", ["", "web: {hosts: {}}", "web: [", "web:"])
def test_an_inventory_without_hosts_is_refused(tmp_path, text):
    (tmp_path / "hosts.yml").write_text(text, encoding="utf-8")
    with pytest.raises(LabError):
        read_inventory(tmp_path)


@pytest.mark.parametrize("environment", ["prod", "staging", "sparkle"])
def test_the_shipped_inventories_can_be_booted(environment):
    machines = read_inventory(PROJECT / environment)
    assert len({machine.address for machine in machines}) == len(machines) >= 1
