"""Services under a supervisord of our own: no root, one user, one directory."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .guarded_exec import HELD
from .health import show
from .manager import Pace, ProcessState
from .model import Fleet, Service
from .processes import marked, signal_marked
from .supervisor_config import Daemon
from .supervisor_rpc import ALREADY_STARTED, BAD_NAME, NOT_RUNNING
from .supervisord import end_orphan, ensure
from .unit import environment

ACTIVE = {
    "RUNNING": "active",
    "STARTING": "active",
    "BACKOFF": "activating",
    "STOPPING": "deactivating",
    "STOPPED": "inactive",
    "EXITED": "inactive",
}
TAIL = 16 << 10
ENDED = re.compile(
    rb"exited: (\S+) \((?:exit status (\d+)|terminated by (SIG[A-Z0-9]+))(?: \(core dumped\))?;"
)
"""What supervisord writes when a process ends: its name, its status or its signal."""


class Supervisor:
    """A service manager of our own, for a machine on which we are no root."""

    def __init__(self, daemon: Daemon, pace: Pace) -> None:
        self.daemon = daemon
        self.pace = pace

    def unit_path(self, name: str) -> Path:
        """Where the description of a service lies."""
        return self.daemon.programs / f"{name}.json"

    def render(self, service: Service, fleet: Fleet) -> str:
        """The description that the guarded starter reads."""
        value = {
            "system": fleet.run.system,
            "name": service.name,
            "guard": str(fleet.guard),
            "command": list(service.command),
            "environment": environment(service),
            "stop_within": service.stop_within,
        }
        return json.dumps(value, indent=2, sort_keys=True) + "\n"

    def read(self, names: Iterable[str]) -> Mapping[str, ProcessState]:
        """What each of these services is now, from one call."""
        infos = {info["name"]: info for info in self.daemon.call("getAllProcessInfo") or []}
        return {name: self.state(name, infos.get(name)) for name in names}

    def state(self, name: str, info: dict[str, Any] | None) -> ProcessState:
        """One service, as supervisord sees it or, without one, as its processes show."""
        place = self.unit_path(name)
        exists = place.is_file()
        files = (str(place),) if exists else ()
        orphans = self.pids(name) if info is None else ()
        if orphans:
            return ProcessState(
                exists,
                "active",
                "orphaned",
                main_pid=orphans[0],
                enabled=exists,
                files=files,
            )
        if info is None:
            result = "success" if exists else "not-found"
            return ProcessState(exists=exists, result=result, enabled=exists, files=files)
        starts = self.starts(name)
        word = str(info["statename"])
        result, status = self.outcome(name, word)
        return ProcessState(
            exists=exists,
            active="failed" if word == "EXITED" and result != "success" else active(word),
            sub="auto-restart" if word == "BACKOFF" else word.lower(),
            result=result,
            status=status,
            main_pid=int(info["pid"]),
            restarts=len(starts),
            invocation=starts[-1] if starts else "",
            enabled=exists,
            files=files,
        )

    def outcome(self, name: str, word: str) -> tuple[str, int]:
        """How a service's last process ended, in the words of systemd.

        supervisord's answer has no signal, and no status of a process that died at once; its log
        has both.
        """
        if word == "FATAL":
            return "start-limit-hit", 0
        if word not in ("EXITED", "BACKOFF"):
            return "success", 0
        ends = [
            found for found in ENDED.findall(tail(self.daemon.own_log)) if found[0].decode() == name
        ]
        if not ends:
            return "exit-code", 0
        _, status, signal_name = ends[-1]
        if signal_name:
            return "signal", signal.Signals[signal_name.decode()].value
        if int(status) == HELD:
            return "exec-condition", HELD
        return ("exit-code", int(status)) if int(status) else ("success", 0)

    def starts(self, name: str) -> list[str]:
        """The invocations of a service so far."""
        place = self.daemon.starts(name)
        return place.read_text().split() if place.is_file() else []

    def pids(self, name: str) -> tuple[int, ...]:
        """Every process that descends from a service."""
        return marked(str(self.unit_path(name)))

    def reload(self) -> None:
        """Follow the descriptions that are there now."""
        ensure(self.daemon, self.pace)

    def enable(self, names: Iterable[str], on: bool) -> None:
        """Nothing starts with the machine here, so there is nothing to do."""

    def start(self, name: str) -> int:
        """Begin to start a service; its next start is the one that a stable process stays at.

        A start that the guard refused is tried again for some seconds, and would be taken for this
        one: it ends first.
        """
        ensure(self.daemon, self.pace)
        if self.read([name])[name].sub == "auto-restart":
            self.daemon.call("stopProcess", name, True, allow=(NOT_RUNNING, BAD_NAME))
        starts = len(self.starts(name))
        self.daemon.call("startProcess", name, False, allow=(ALREADY_STARTED,))
        return starts + 1

    def stop(self, name: str) -> None:
        """Ask a service to end, also one whose supervisord nobody can ask any more."""
        if self.daemon.alive:
            self.daemon.call("stopProcess", name, False, allow=(NOT_RUNNING, BAD_NAME))
            return
        end_orphan(self.daemon, self.pace)
        signal_marked(str(self.unit_path(name)), signal.SIGTERM)

    def kill(self, name: str) -> None:
        """Kill every process that descends from a service."""
        signal_marked(str(self.unit_path(name)), signal.SIGKILL)

    def last_words(self, name: str) -> list[str]:
        """The last lines of the service's log."""
        return [show(line, 300) for line in tail(self.daemon.log(name)).splitlines()[-20:]]


def tail(place: Path) -> bytes:
    """The end of a log; nothing of one that is not there."""
    if not place.is_file():
        return b""
    with place.open("rb") as handle:
        handle.seek(max(0, place.stat().st_size - TAIL))
        return handle.read(TAIL)


def active(word: str) -> str:
    """A state of supervisord in the words of systemd."""
    return ACTIVE.get(word, "failed")
