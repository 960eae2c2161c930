"""The observer as a timer of a real systemd, on a machine that loses its power."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab, missing_requirements
from tests.lab.commands import wait_for

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(missing_requirements()), reason=missing_requirements()),
]

CORE = Path(__file__).parents[3] / "plugins/module_utils/stagegate"
TIMER = "stagegate-watch-demo.timer"
UNPACK = """
import base64, io, os, sys, tarfile
tarfile.open(fileobj=io.BytesIO(base64.b64decode(sys.stdin.read()))).extractall("/srv/lab")
os.sync()
"""
PLAYBOOK = """
import json, os, pathlib, signal
place = pathlib.Path("/srv/lab/observer")
passes = place / "passes"
with passes.open("a") as handle:
    handle.write("x")
    handle.flush()
    os.fsync(handle.fileno())
left = len(passes.read_text())
if left == 2:
    signal.pause()  # in the middle of this one the power is cut
(place / "result.json").write_text(json.dumps({"next": None if left >= 4 else 3.0}))
"""
BEGIN = """
import os, pathlib, sys
sys.path.insert(0, "/srv/lab")
from stagegate.observer import under_systemd
from stagegate.observer.orders import Orders, write_orders
assert under_systemd.is_running()
place = pathlib.Path("/srv/lab/observer")
command = ("/usr/bin/python3", "/srv/lab/playbook.py")
orders = Orders("demo", "r1", pathlib.Path("/srv/lab"), place, command, dict(os.environ), 2.0, 4e9)
write_orders(orders, {})
under_systemd.begin(orders)
os.sync()
"""


def packed() -> str:
    """The core and what stands for the playbook, as text."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w:gz") as archive:
        archive.add(CORE, "stagegate", filter=lambda m: None if "__pycache__" in m.name else m)
        member = tarfile.TarInfo("playbook.py")
        member.size = len(PLAYBOOK)
        archive.addfile(member, io.BytesIO(PLAYBOOK.encode()))
    return base64.b64encode(output.getvalue()).decode()


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A machine that no shipped inventory names."""
    inventory = tmp_path_factory.mktemp("inventory")
    hosts = "lab:\n  hosts:\n    observer1: {ansible_host: 10.77.0.232, lab_disk: 256M}\n"
    (inventory / "hosts.yml").write_text(hosts, encoding="utf-8")
    made = Lab().up(inventory, fresh=True)["observer1"]
    made.run("mkdir", "-p", "/srv/lab")
    assert made.run("python3", "-c", UNPACK, given=packed()).returncode == 0
    yield made
    Lab().down(inventory)


def test_a_machine_that_loses_its_power_goes_on_looking_until_all_is_judged(machine: Any) -> None:
    begun = machine.run("python3", "-B", "-c", BEGIN)
    assert begun.returncode == 0, begun.stderr
    wait_for(lambda: passes(machine) >= 2, 60, "the second pass")
    machine.power_off()
    machine.power_on()
    wait_for(lambda: over(machine), 60, "the last pass")
    wait_for(lambda: said(machine, "systemctl", "is-enabled", TIMER) == "disabled", 30, "the end")
    assert said(machine, "systemctl", "is-active", TIMER) == "inactive"
    assert passes(machine) >= 4


def passes(machine: Any) -> int:
    """How many passes there were."""
    return len(said(machine, "cat", "/srv/lab/observer/passes"))


def over(machine: Any) -> bool:
    """True once a pass said that nothing is left."""
    text = said(machine, "cat", "/srv/lab/observer/result.json")
    return bool(text) and json.loads(text)["next"] is None


def said(machine: Any, *argv: str) -> str:
    """What a program prints in the machine."""
    output: str = machine.run(*argv).stdout.strip()
    return output
