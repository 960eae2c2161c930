"""One pass after the other, until every window is judged."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from datetime import datetime, timezone

from ..files import read_json
from .orders import Orders

LONGEST_PASS = 3600.0
"""Seconds after which a playbook that neither ends nor fails is killed."""

LONGEST_WAIT = 300.0
"""Seconds that it waits at the most between two passes that could not ask anybody."""


def run_pass(orders: Orders) -> float | None:
    """Run the playbook once; return the seconds until the next pass, None when nothing is left.

    A pass that leaves no result (no host answered, the controller was overloaded) is tried again
    after a pace, later and later. What could not be seen meanwhile stays a gap: nothing is made up
    for it.
    """
    orders.result.unlink(missing_ok=True)
    with orders.log.open("ab") as log:
        log.write(f"\n== {now()} {' '.join(orders.command)}\n".encode())
        log.flush()
        try:
            status: object = subprocess.run(
                list(orders.command),
                cwd=orders.project,
                env=dict(orders.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=LONGEST_PASS,
                check=False,
            ).returncode
        except (OSError, subprocess.TimeoutExpired) as error:
            status = error
        log.write(f"== {now()} ended: {status}\n".encode())
    return read_next(orders)


def read_next(orders: Orders) -> float | None:
    """What a pass left, or when to try again; None when all is judged, or its time is over."""
    failures = orders.place / "failures"
    try:
        left = read_json(orders.result)["next"]
        wait = None if left is None else max(0.0, float(left))
        failures.unlink(missing_ok=True)
    except (OSError, ValueError, KeyError, TypeError):
        count = failures.stat().st_size if failures.exists() else 0
        with failures.open("a") as handle:
            handle.write(".")
        wait = min(orders.pace * 2**count, max(orders.pace, LONGEST_WAIT))
    return None if time.time() > orders.until else wait


def run_passes(orders: Orders, wait: Callable[[float], object] = time.sleep) -> int:
    """Pass after pass until all is judged; return how many there were."""
    passes = 0
    while True:
        passes += 1
        left = run_pass(orders)
        if left is None:
            return passes
        wait(left)


def now() -> str:
    """UTC to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
