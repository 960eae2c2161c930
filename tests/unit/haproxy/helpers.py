"""Calls of the door's driver, as the module would make them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stagegate.haproxy.driver import run_task
from stagegate.haproxy.model import Task
from stagegate.journal import Run
from stagegate.ledger import Entry, read_ledger
from tests.servers.haproxy import Haproxy


@dataclass
class Site:
    """The door's host with its ledger, and the way to it."""

    place: Path
    proxy: Haproxy
    run_id: str = "20261122T073000Z-ab12"
    noun: dict[str, Any] = field(default_factory=dict)

    @property
    def run(self) -> Run:
        return Run(self.run_id, 1, "sparkle", "lb1", self.place / "state", exclusive=False)

    def do(self, action: str, server: str = "app1", check_mode: bool = False, **params: Any) -> Any:
        """Do one action on one server."""
        run = {
            "id": self.run_id,
            "epoch": 1,
            "system": "sparkle",
            "host": "lb1",
            "state": str(self.run.state),
            "exclusive": False,
        }
        noun = {
            "host": "lb1",
            "backend": "sparkle",
            "server": server,
            "socket": str(self.proxy.socket),
            "drain_within": 2,
            "ready_within": 5,
            **self.noun,
        }
        params = {"action": action, "run": run, "phase": "quiesce", "traffic": noun, **params}
        return run_task(Task.from_params(params), check_mode)

    def entries(self, step: str = "") -> list[Entry]:
        """The ledger, or one step of it."""
        found = read_ledger(self.run.state / "ledger.jsonl").entries
        return [entry for entry in found if not step or entry.step == step]

    def kinds(self, step: str) -> list[str]:
        """The kinds of the entries of one step."""
        return [entry.kind for entry in self.entries(step)]
