"""The observer under a supervisord of its own, where no systemd is: it outlives its command."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from ..errors import BadInput, StepFailed
from ..files import write_atomic
from ..service.processes import runs_with
from ..service.supervisor_config import SPECIAL
from .orders import BY_HAND, ORDERS, Orders

WITHIN = 20.0
"""Seconds in which supervisord must have started, or ended."""

CONFIG = """\
[supervisord]
logfile={place}/supervisord.log
logfile_maxbytes=1MB
logfile_backups=1
pidfile={place}/supervisord.pid
directory=/
umask=077
nocleanup=true

[program:observer]
command="{python}" -m stagegate.observer --orders "{orders}" --supervisor "{place}/supervisord.pid"
autostart=true
autorestart=unexpected
exitcodes=0
startretries=1000
stopasgroup=true
killasgroup=true
stdout_logfile={place}/program.log
redirect_stderr=true
"""


def begin(orders: Orders) -> None:
    """Start it anew with these orders; one that an earlier deployment started is ended first."""
    for path in (orders.place, Path(sys.executable)):
        if SPECIAL.search(str(path)):
            raise BadInput(f"the path {path} cannot be written into supervisord's configuration")
    end(orders.place)
    config = orders.place / "supervisord.conf"
    words = {"place": orders.place, "python": sys.executable, "orders": orders.place / ORDERS}
    write_atomic(config, CONFIG.format(**words).encode(), 0o600)
    with (orders.place / "launch.log").open("wb") as said:
        started = subprocess.run(
            [sys.executable, "-I", "-m", "supervisor.supervisord", "-c", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
            timeout=WITHIN,
            check=False,
        )
    if started.returncode != 0:
        raise StepFailed(
            f"the observer does not start (status {started.returncode}): see {said.name}",
            now="the release is live, and nobody watches it",
            untouched="every host",
            next=BY_HAND,
        )


def end(place: Path) -> None:
    """End the observer that lives in a directory, if one does, and wait until it is gone."""
    pid = read_pid(place / "supervisord.pid")
    if not pid or not runs_with(pid, str(place / "supervisord.conf")):
        return
    with contextlib.suppress(ProcessLookupError):
        process = os.pidfd_open(pid)
        try:
            for order in (signal.SIGTERM, signal.SIGKILL):
                os.kill(pid, order)
                if select.select([process], [], [], WITHIN)[0]:
                    return
        finally:
            os.close(process)


def read_pid(path: Path) -> int:
    """The process whose number a file holds; 0 when it holds none."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def end_supervisor(pidfile: Path) -> None:
    """Let the supervisor of this very process end, because there is nothing left to watch."""
    pid = read_pid(pidfile)
    if pid and pid == os.getppid():
        os.kill(pid, signal.SIGTERM)
