"""The peer of a whole deployment: the bare steps, with stock modules."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.databases import ROOT
from tests.bench.model import NotMeasuredError
from tests.bench.playbooks import TOOLS, Played, play
from tests.bench.timing import run_commands

MIGRATE = ROOT / "examples" / "abathur" / "tools" / "migrate.py"
STOPS_WITHIN = 30.0
DAEMON = """\
[unix_http_server]
file={home}/rpc.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisord]
logfile={home}/supervisord.log
pidfile={home}/supervisord.pid
[supervisorctl]
serverurl=unix://{home}/rpc.sock
"""
PROGRAM = """\
[program:{name}]
command={python} {home}/current/bin/{name}
environment=ABATHUR_DATABASE="{home}/data/abathur.db",{variable}="127.0.0.1:{port}"
autostart=false
startsecs=0
"""


@contextmanager
def plain_host(home: Path, api: int, workers: int) -> Iterator[Path]:
    """A directory whose services a supervisord of its own can start."""
    home.mkdir()
    config = home / "supervisord.conf"
    ports = {"abathur-api": ("ABATHUR_LISTEN", api)}
    ports["abathur-workers"] = ("ABATHUR_WORKERS_LISTEN", workers)
    programs = [
        PROGRAM.format(name=name, python=sys.executable, home=home, variable=variable, port=port)
        for name, (variable, port) in ports.items()
    ]
    config.write_text(DAEMON.format(home=home) + "".join(programs))
    run_commands([str(TOOLS / "supervisord"), "-c", str(config)])
    try:
        yield home
    finally:
        stop(config, home / "supervisord.pid")


def stop(config: Path, pid_file: Path) -> None:
    """End supervisord with its services, and wait until it is gone."""
    pid = int(pid_file.read_text())
    run_commands([str(TOOLS / "supervisorctl"), "-c", str(config), "shutdown"])
    deadline = time.monotonic() + STOPS_WITHIN
    while is_running(pid):
        if time.monotonic() > deadline:
            raise NotMeasuredError(f"supervisord ({pid}) does not end within {STOPS_WITHIN:g} s")
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """True while the process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def deploy_plainly(home: Path, version: str, archive: Path, port: int) -> Played:
    """Run the bare steps; raises NotMeasuredError when one fails."""
    settings = {
        "plain_root": str(home),
        "plain_archive": str(archive),
        "plain_version": version,
        "plain_python": sys.executable,
        "plain_migrate": str(MIGRATE),
        "plain_supervisorctl": str(TOOLS / "supervisorctl"),
        "plain_port": str(port),
        "plain_upgrade": str((home / "current").exists()),
    }
    played = play("tests/bench/plain/deploy.yml", "localhost,", settings, home)
    if played.status:
        raise NotMeasuredError(f"the bare steps of {version} failed: {played.reason}")
    return played
