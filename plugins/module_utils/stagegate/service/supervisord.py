"""One supervisord of our own: its files, its life and its end."""

from __future__ import annotations

import contextlib
import inspect
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from ..errors import StepFailed
from ..files import make_private_dir, write_atomic
from . import guarded_exec
from .health import show
from .manager import Pace
from .processes import marked, runs_with, signal_marked
from .supervisor_config import Daemon, check_private, render_config

STARTS_WITHIN = 15.0


def write_files(daemon: Daemon) -> None:
    """Write the guarded starter and the configuration for every description that is there."""
    for folder in (daemon.base, daemon.programs, daemon.base / "logs", daemon.base / "starts"):
        make_private_dir(folder)
    starter = inspect.getsource(guarded_exec).encode()
    write_atomic(daemon.base / "guarded_exec.py", starter, 0o600)
    write_atomic(daemon.config, render_config(daemon).encode())


def ensure(daemon: Daemon, pace: Pace) -> None:
    """Let it run with the present descriptions; it outlives whoever started it."""
    write_files(daemon)
    if daemon.alive:
        adopt(daemon)
        return
    end_orphan(daemon, pace)
    if daemon.socket.parent != daemon.base:
        with contextlib.suppress(FileExistsError):
            daemon.socket.parent.mkdir(mode=0o700)
        check_private(daemon.socket.parent)
    launch(daemon)
    wait_for(lambda: daemon.alive, pace, "supervisord does not answer", STARTS_WITHIN)


def adopt(daemon: Daemon) -> None:
    """Make a running supervisord follow its changed configuration."""
    added, changed, removed = daemon.call("reloadConfig")[0]
    for group in (*changed, *removed):
        daemon.call("stopProcessGroup", group)
        daemon.call("removeProcessGroup", group)
    for group in (*added, *changed):
        daemon.call("addProcessGroup", group)


def launch(daemon: Daemon) -> None:
    """Start it as a daemon that holds nothing of ours: no pipe, no environment, no terminal."""
    with launch_log(daemon).open("wb") as said:
        ended = subprocess.run(
            [sys.executable, "-I", "-m", "supervisor.supervisord", "-c", str(daemon.config)],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
            timeout=STARTS_WITHIN,
            check=False,
        )
    if ended.returncode != 0:
        raise StepFailed(
            f"supervisord does not start (status {ended.returncode}): {words(daemon)}",
            now="the services are held by the start guard",
            untouched="data and code",
            next=f"see that `{sys.executable} -m supervisor.supervisord -v` works",
        )


def launch_log(daemon: Daemon) -> Path:
    """What it says before it is a daemon."""
    return daemon.base / "launch.log"


def words(daemon: Daemon) -> str:
    """The last line that it wrote, before or after it became a daemon."""
    texts = (
        log.read_text(errors="replace")
        for log in (launch_log(daemon), daemon.base / "supervisord.log")
        if log.exists()
    )
    lines = [line for text in texts for line in text.splitlines() if line.strip()]
    return show(lines[-1], 300) if lines else "it wrote no log"


def read_pid(daemon: Daemon) -> int:
    """Its process while it runs, else 0."""
    try:
        text = (daemon.base / "supervisord.pid").read_text().strip()
    except FileNotFoundError:  # it removes the file when it ends
        text = ""
    pid = int(text) if text.isdigit() else 0
    return pid if pid and runs_with(pid, str(daemon.config)) else 0


def end_orphan(daemon: Daemon, pace: Pace) -> None:
    """End a supervisord whose socket somebody removed: it would start the services beside ours."""
    pid = read_pid(daemon)
    if pid:
        os.kill(pid, signal.SIGKILL)
        wait_gone(daemon, pace)


def shutdown(daemon: Daemon, pace: Pace) -> bool:
    """End it and everything it started. True when anything ran."""
    pid = read_pid(daemon)
    if pid:
        if daemon.call("shutdown") is None:
            os.kill(pid, signal.SIGTERM)
        wait_gone(daemon, pace)
    descriptions = [str(place) for place in daemon.programs.glob("*.json")]
    for description in descriptions:
        signal_marked(description, signal.SIGKILL)
    wait_for(lambda: not any(marked(d) for d in descriptions), pace, "a process does not end")
    folder = daemon.socket.parent
    if folder != daemon.base and folder.exists():
        check_private(folder)
        daemon.socket.unlink(missing_ok=True)
        folder.rmdir()
    return bool(pid)


def wait_gone(daemon: Daemon, pace: Pace) -> None:
    """Wait until its process is gone."""
    wait_for(lambda: not read_pid(daemon), pace, f"supervisord of {daemon.base} does not end")


def wait_for(condition: Callable[[], bool], pace: Pace, words: str, within: float = 60.0) -> None:
    """Wait for a condition. Raises StepFailed with the words at the deadline (seconds)."""
    deadline = pace.mono() + within
    while not condition():
        if pace.mono() > deadline:
            raise StepFailed(f"{words} within {within:g} s")
        pace.wait(0.05)
