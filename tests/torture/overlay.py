"""The failpoint that a test puts before the shipped one: a module utility with the point in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.torture.points import PASSED_ON, Point

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "plugins/module_utils"
ARMED = '''"""A failpoint that is switched on: {points}."""

from __future__ import annotations

import errno
import json
import os
import signal
import time

ORDERS = json.loads({orders!r})


def reached(when, entry):
    """Act for each order that this is the place of, and that was not acted on often enough."""
    for order in ORDERS:
        if os.path.isdir(order["place"]) and is_at(order, when, entry):
            times = count(order, order["name"])
            if not order["times"] or times <= order["times"]:
                act(order)


def is_at(order, when, entry):
    """Tell whether an order means this place."""
    point = order["point"]
    if point["when"] != when or point["host"] not in ("", entry.host):
        return False
    if point["nth"]:
        return count(order, "entries") == point["nth"]
    here = (entry.phase, entry.step, entry.kind)
    return here == (point["phase"], point["step"], point["kind"])


def act(order):
    """Do what is ordered."""
    if order["act"] == "error":
        raise OSError(errno.EIO, "the failpoint says so", order["place"])
    if order["act"] == "hold":
        hold(order)
    if order["act"] == "kill" or told(order) == "die":
        os.kill(os.getpid(), signal.SIGKILL)


def count(order, name):
    """Count one more; the number so far."""
    with open(os.path.join(order["place"], name), "a", encoding="ascii") as counted:
        counted.write("1")
        return counted.tell()


def hold(order):
    """Say that this step is here, and wait to be told how it goes on."""
    with open(os.path.join(order["place"], "held"), "w", encoding="ascii") as said:
        said.write(str(os.getpid()))
    end = time.monotonic() + order["passed_on"]
    while not told(order) and time.monotonic() < end:
        time.sleep(0.01)


def told(order):
    """What was said to a step that is held."""
    try:
        with open(os.path.join(order["place"], "go"), encoding="ascii") as said:
            return said.read()
    except OSError:
        return ""
'''


@dataclass(frozen=True)
class Order:
    """What happens at a point: ``act`` is error, kill or hold, ``times`` 0 means always.

    ``place`` is a directory of the host that the failpoint counts in, in a file of the order's
    ``name``; without the directory nothing happens.
    """

    point: Point
    act: str
    place: str
    times: int = 1
    name: str = "reached"


def arm(folder: Path, orders: Sequence[Order]) -> dict[str, str]:
    """Write the failpoint below a folder; return the environment that puts it first."""
    package = folder / "stagegate"
    package.mkdir(parents=True, exist_ok=True)
    written = json.dumps([{**asdict(order), "passed_on": PASSED_ON} for order in orders])
    points = ", ".join(str(order.point) for order in orders)
    text = ARMED.format(points=points, orders=written)
    (package / "failpoint.py").write_text(text, encoding="utf-8")
    return {"ANSIBLE_MODULE_UTILS": f"{folder}:{SHIPPED}"}
