"""Where a supervisord of our own keeps its files, and what its configuration says."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput, StepFailed
from . import guarded_exec
from .supervisor_rpc import call

LONGEST_SOCKET = 90
"""Bytes of a socket's path. The kernel allows 107, and supervisord first makes it with its process
number added."""

SPECIAL = re.compile(r"[\x00-\x1f\x7f;#%'\"\\]")
"""What its configuration cannot hold in a path: some keys expand ``%`` once, others twice."""


@dataclass(frozen=True)
class Daemon:
    """The supervisord of one system, below its state directory."""

    base: Path
    system: str

    @property
    def config(self) -> Path:
        """Its configuration, written by us before each start."""
        return self.base / "supervisord.conf"

    @property
    def programs(self) -> Path:
        """One description a service."""
        return self.base / "programs"

    @property
    def socket(self) -> Path:
        """Where it listens: beside its files, or in a private short directory."""
        place = self.base / "rpc.sock"
        return place if len(os.fsencode(place)) <= LONGEST_SOCKET else short_folder(self) / "s"

    @property
    def own_log(self) -> Path:
        """What it says itself, of the end of every process too."""
        return self.base / "supervisord.log"

    def log(self, name: str) -> Path:
        """What a service writes."""
        return self.base / "logs" / f"{name}.log"

    def starts(self, name: str) -> Path:
        """One line for each start of a service."""
        return self.base / "starts" / name

    def call(self, method: str, *arguments: Any, allow: tuple[int, ...] = ()) -> Any:
        """Call it; None when it does not run."""
        if self.socket.parent != self.base and self.socket.parent.exists():
            check_private(self.socket.parent)
        return call(self.socket, f"supervisor.{method}", *arguments, allow=allow)

    @property
    def alive(self) -> bool:
        """True when it answers."""
        return self.call("getState") is not None


def short_folder(daemon: Daemon) -> Path:
    """A directory below /tmp for a socket whose own path would be too long.

    Its name follows from the state directory, so that every later call finds it; not from TMPDIR or
    XDG_RUNTIME_DIR, which differ between a login and a timer, and end with the login.
    """
    digest = hashlib.sha256(os.fsencode(daemon.base)).hexdigest()[:16]
    return Path("/tmp") / f"stagegate-{os.geteuid()}-{digest}"  # noqa: S108 - see check_private


def check_private(folder: Path) -> None:
    """Raise StepFailed for a directory that somebody else made, or could listen in."""
    status = folder.lstat()
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or mode & 0o077:
        raise StepFailed(
            f"{folder} is not a private directory of ours: supervisord's socket cannot lie there",
            now="nothing was started",
            untouched="whatever lies there",
            next=f"remove {folder}, or choose a state_root with a shorter path",
        )


def render_config(daemon: Daemon) -> str:
    """The configuration. Nothing starts by itself: only a run lifts the guard and starts."""
    for path in (daemon.base, Path(sys.executable)):
        if SPECIAL.search(str(path)):
            raise BadInput(f"the path {path} cannot be written into supervisord's configuration")
    sections: dict[str, dict[str, object]] = {
        "unix_http_server": {"file": daemon.socket, "chmod": "0700"},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
        "supervisord": {
            "logfile": daemon.own_log,
            "logfile_maxbytes": "1MB",
            "logfile_backups": 1,
            "pidfile": daemon.base / "supervisord.pid",
            "childlogdir": daemon.base / "logs",
            "identifier": daemon.system,
            "directory": "/",
            "umask": "077",
            "nocleanup": "true",
        },
    }
    for description in sorted(daemon.programs.glob("*.json")):
        sections[f"program:{description.stem}"] = program(daemon, description)
    return "\n".join(
        f"[{section}]\n" + "".join(f"{k}={v}\n" for k, v in values.items())
        for section, values in sections.items()
    )


def program(daemon: Daemon, description: Path) -> dict[str, object]:
    """One service: started through the guard, restarted when it dies, ended with its group."""
    name = description.stem
    argv = [sys.executable, "-I", daemon.base / "guarded_exec.py", description, daemon.starts(name)]
    return {
        "command": " ".join(shlex.quote(str(word)) for word in argv),
        "autostart": "false",
        "autorestart": "unexpected",
        "exitcodes": f"0,{guarded_exec.HELD}",
        "startsecs": 1,
        "startretries": 4,
        "stopsignal": "TERM",
        "stopasgroup": "true",
        "killasgroup": "true",
        "stopwaitsecs": max(1, round(json.loads(description.read_bytes())["stop_within"])),
        "redirect_stderr": "true",
        "stdout_logfile": daemon.log(name),
        "stdout_logfile_maxbytes": "5MB",
        "stdout_logfile_backups": 1,
    }
