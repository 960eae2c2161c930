"""Services, hosts and fake managers for the tests of the service drivers."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stagegate.journal import Run
from stagegate.ledger import Entry, read_ledger
from stagegate.lock import Lock
from stagegate.service.manager import Host, ProcessState
from stagegate.service.model import Fleet, Service, read_fleet

APP = Path(__file__).with_name("app.py")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def noun(name: str = "abathur-api", port: int = 8000, **changes: Any) -> dict[str, Any]:
    """A service as a user writes it."""
    health = {"url": f"http://127.0.0.1:{port}/health", "ready_within": 10, "stable_for": 0.5}
    return {
        "name": name,
        "command": ["/srv/abathur/current/bin/abathur-api"],
        "environment": {"ABATHUR_LISTEN": f"127.0.0.1:{port}"},
        "writable": ["/var/lib/abathur"],
        "health": {**health, **changes.pop("health", {})},
        **changes,
    }


def app(name: str, port: int, **wish: Any) -> dict[str, Any]:
    """The fixture application as a service."""
    health = wish.pop("health_noun", {})
    command = [sys.executable, str(APP), str(port), json.dumps(wish)]
    return noun(
        name, port, command=command, environment={}, writable=[], stop_within=1, health=health
    )


def make_run(place: Path, run: str = "run-1") -> Run:
    """A run that holds a system whose state lies below a directory."""
    state = place / "state"
    state.mkdir(exist_ok=True, parents=True)
    lock = Lock(state)
    if lock.owner() is not None:
        lock.release()
    return Run(run, lock.acquire(run, {}), "abathur", "abathur1", state)


def make_fleet(run: Run, *nouns: dict[str, Any], **changes: Any) -> Fleet:
    """Services of a system."""
    plain = {"id": run.id, "epoch": run.epoch, "system": run.system, "host": run.host}
    params = {
        "services": list(nouns),
        "run": {**plain, "state": str(run.state)},
        "service_user": "abathur",
        "phase": "restart",
        "version": "1.0",
        **changes,
    }
    return read_fleet(params)


def entries(run: Run, step: str = "") -> list[Entry]:
    """The ledger, or one step of it."""
    found = read_ledger(run.state / "ledger.jsonl").entries
    return [entry for entry in found if not step or entry.step == step]


class FakePace:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def mono(self) -> float:
        """The present."""
        return self.now

    def wait(self, seconds: float) -> None:
        """Let time pass at once."""
        self.now += seconds


RUNNING = ProcessState(
    exists=True, active="active", sub="running", main_pid=100, invocation="first", enabled=True
)


@dataclass
class FakeManager:
    """A manager over a directory, whose processes are what a test says they are."""

    place: Path
    states: dict[str, ProcessState] = field(default_factory=dict)
    left: dict[str, tuple[int, ...]] = field(default_factory=dict)
    stubborn: set[str] = field(default_factory=set)
    immortal: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    enabled: set[str] = field(default_factory=set)
    drop_ins: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def unit_path(self, name: str) -> Path:
        """Where a unit lies."""
        return self.place / f"{name}.service"

    def render(self, service: Service, fleet: Fleet) -> str:
        """A short unit."""
        return f"{service.name} of {fleet.run.system}: {' '.join(service.command)}\n"

    def read(self, names: Iterable[str]) -> Mapping[str, ProcessState]:
        """What each service is."""
        return {
            name: replace(
                self.states.get(name, ProcessState()),
                enabled=name in self.enabled,
                files=(str(self.unit_path(name)), *self.drop_ins.get(name, ())),
            )
            for name in names
        }

    def pids(self, name: str) -> tuple[int, ...]:
        """Its processes."""
        state = self.states.get(name)
        main = (state.main_pid,) if state and state.main_pid else ()
        return (*main, *self.left.get(name, ()))

    def reload(self) -> None:
        """Note it."""
        self.calls.append("reload")

    def enable(self, names: Iterable[str], on: bool) -> None:
        """Keep it."""
        for name in names:
            (self.enabled.add if on else self.enabled.discard)(name)

    def start(self, name: str) -> int:
        """Note it, and run."""
        self.calls.append(f"start {name}")
        self.states[name] = replace(RUNNING, main_pid=200, invocation="second")
        return 0

    def stop(self, name: str) -> None:
        """Note it, and end unless stubborn."""
        self.calls.append(f"stop {name}")
        if name not in self.stubborn:
            self.end(name)

    def kill(self, name: str) -> None:
        """Note it, and end unless immortal."""
        self.calls.append(f"kill {name}")
        if name not in self.immortal:
            self.end(name)
            self.left.pop(name, None)

    def end(self, name: str) -> None:
        """Nothing runs any more."""
        self.states[name] = ProcessState(exists=True)

    def last_words(self, name: str) -> list[str]:
        """Something."""
        return [f"{name} said this"]


def make_host(
    place: Path, *nouns: dict[str, Any], manager: FakeManager | None = None, **changes: Any
) -> Host:
    """A host with fake processes and fake time."""
    run = changes.pop("run", None) or make_run(place)
    return Host(
        make_fleet(run, *nouns, **changes),
        manager or FakeManager(place),
        FakePace(),  # type: ignore[arg-type]
    )
