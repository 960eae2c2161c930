"""The observer as a timer of systemd: one pass at each moment, also after a reboot."""

from __future__ import annotations

import math
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from ..command import run_command
from ..errors import StepFailed
from ..files import write_atomic
from .orders import BY_HAND, ORDERS, Orders, read_orders

UNITS = Path("/etc/systemd/system")
RUNNING = Path("/run/systemd/system")
"""There while systemd is the machine's init (sd_booted(3))."""

SERVICE = """\
[Unit]
Description=Next look at {system} after its deployment
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart={python} -m stagegate.observer --orders {orders} --once
WorkingDirectory={project}
Restart=on-failure
RestartSec={pace}s
UMask=0077

[Install]
WantedBy=multi-user.target
"""

TIMER = """\
[Unit]
Description=When the next look at {system} is due

[Timer]
OnCalendar={moment}
AccuracySec=1s

[Install]
WantedBy=timers.target
"""


def is_running() -> bool:
    """True on a machine that systemd started."""
    return RUNNING.is_dir()


def name_of(orders: Orders) -> str:
    """One observer a system: a later deployment takes its place."""
    return f"stagegate-watch-{orders.system}"


def begin(orders: Orders) -> None:
    """Install the units and have the first pass made at once."""
    words = {
        "system": orders.system,
        "python": sys.executable,
        "orders": orders.place / ORDERS,
        "project": orders.project,
        "pace": math.ceil(orders.pace),
    }
    name = name_of(orders)
    write_atomic(UNITS / f"{name}.service", SERVICE.format(**words).encode(), 0o644)
    schedule(orders, 1.0)
    told(["systemctl", "enable", f"{name}.service", f"{name}.timer"])


def end(place: Path) -> None:
    """End the observer that was given the orders in a directory, if there are any."""
    if (place / ORDERS).exists():
        schedule(read_orders(place / ORDERS), None)


def schedule(orders: Orders, seconds: float | None) -> None:
    """Set the moment of the next pass; with None there is none, and the timer ends.

    A machine that boots makes a pass at once, whatever the timer says: a moment that came while it
    was off is made up for, and so is a pass in the middle of which it lost its power. The boot does
    not wait for the end of that pass (``Type=exec``).
    """
    name = name_of(orders)
    if seconds is None:
        told(["systemctl", "disable", f"{name}.service"])
        told(["systemctl", "disable", "--now", f"{name}.timer"])
        return
    moment = datetime.fromtimestamp(math.ceil(time.time() + seconds), timezone.utc)
    text = TIMER.format(system=orders.system, moment=f"{moment:%Y-%m-%d %H:%M:%S} UTC")
    write_atomic(UNITS / f"{name}.timer", text.encode(), 0o644)
    told(["systemctl", "daemon-reload"])
    told(["systemctl", "restart", f"{name}.timer"])


def told(argv: list[str]) -> None:
    """Give systemd an order. Raises StepFailed when it does not follow."""
    outcome = run_command(argv, deadline=60)
    if not outcome.well:
        raise StepFailed(
            f"the observer could not be scheduled: {' '.join(argv)}: {outcome.reason()}",
            now="the release is live, and nobody watches it",
            untouched="every host",
            next=BY_HAND,
        )
