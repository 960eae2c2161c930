"""The failpoint that a test puts before the shipped one: a module utility with the point in it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.torture.points import PASSED_ON, Point

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "plugins/module_utils"
ARMED = '''"""A failpoint that is switched on: {point}."""

from __future__ import annotations

import errno
import json
import os
import signal
import time

ORDER = json.loads({order!r})
POINT, PLACE = ORDER["point"], ORDER["place"]


def reached(when, entry):
    """Act when this is the place that was ordered, and it was not acted on often enough."""
    if not os.path.isdir(PLACE):
        return
    here = {{"when": when, "phase": entry.phase, "step": entry.step, "kind": entry.kind}}
    if POINT["nth"]:
        if when != POINT["when"] or count("entries") != POINT["nth"]:
            return
    elif any(POINT[key] != value for key, value in here.items()):
        return
    elif POINT["host"] not in ("", entry.host):
        return
    times = count("reached")
    if ORDER["times"] and times > ORDER["times"]:
        return
    if ORDER["act"] == "error":
        raise OSError(errno.EIO, "the failpoint says so", PLACE)
    if ORDER["act"] == "hold":
        hold()
    if ORDER["act"] == "kill" or told() == "die":
        os.kill(os.getpid(), signal.SIGKILL)


def count(name):
    """Count one more; the number so far."""
    with open(os.path.join(PLACE, name), "a", encoding="ascii") as counted:
        counted.write("1")
        return counted.tell()


def hold():
    """Say that this step is here, and wait to be told how it goes on."""
    with open(os.path.join(PLACE, "held"), "w", encoding="ascii") as said:
        said.write(str(os.getpid()))
    end = time.monotonic() + ORDER["passed_on"]
    while not told() and time.monotonic() < end:
        time.sleep(0.01)


def told():
    """What was said to a step that is held."""
    try:
        with open(os.path.join(PLACE, "go"), encoding="ascii") as said:
            return said.read()
    except OSError:
        return ""
'''


@dataclass(frozen=True)
class Order:
    """What happens at a point: ``act`` is error, kill or hold, ``times`` 0 means always.

    ``place`` is a directory of the host that the failpoint counts in; without it nothing happens.
    """

    point: Point
    act: str
    place: str
    times: int = 1


def arm(folder: Path, order: Order) -> dict[str, str]:
    """Write the failpoint below a folder; return the environment that puts it first."""
    package = folder / "stagegate"
    package.mkdir(parents=True, exist_ok=True)
    written = json.dumps({**asdict(order), "passed_on": PASSED_ON})
    text = ARMED.format(point=order.point, order=written)
    (package / "failpoint.py").write_text(text, encoding="utf-8")
    return {"ANSIBLE_MODULE_UTILS": f"{folder}:{SHIPPED}"}
