"""A host with one Redis store: a real server, real files, calls as the module would make them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stagegate.journal import Run, open_journal
from stagegate.ledger import Entry, read_ledger
from stagegate.redis.client import Client, connected
from stagegate.redis.driver import run_task
from stagegate.redis.model import Store
from stagegate.redis.task import Task
from tests.servers.redis import Server


@dataclass
class ProcessUnit:
    """The server's process without a service manager."""

    server: Server
    calls: list[str] = field(default_factory=list)

    def exists(self) -> bool:
        return True

    def start(self) -> None:
        self.calls.append("start")
        if self.server.process is None:
            self.server.start()

    def stop(self) -> None:
        self.calls.append("stop")
        self.server.stop()


@dataclass
class Site:
    """One host: its state directory, its server, one run."""

    place: Path
    server: Server
    run_id: str = "20261122T073000Z-ab12"
    options: dict[str, Any] = field(default_factory=dict)
    migration_class: str = "one_way"

    def __post_init__(self) -> None:
        self.unit = ProcessUnit(self.server)

    @property
    def state(self) -> Path:
        return self.place / "state"

    @property
    def run(self) -> Run:
        return Run(self.run_id, 1, "sparkle", "db1", self.state, exclusive=False)

    @property
    def backup(self) -> Path:
        return self.state / "backups" / self.run_id / "cache"

    @property
    def frozen(self) -> Path:
        return self.state / "backups" / self.run_id / "cache.frozen"

    @property
    def evidence(self) -> Path:
        return self.state / "evidence" / self.run_id / "cache"

    @property
    def store(self) -> dict[str, Any]:
        return {
            "name": "cache",
            "kind": "redis",
            "address": "127.0.0.1",
            "port": self.server.port,
            "password_file": str(self.server.password_file),
            "data": str(self.server.data),
            "unit": "redis-server",
            "owner": self.server.owner,
            "reserve_mb": 1,
            "backup_deadline": 30,
            **self.options,
        }

    def task(self, action: str, **params: Any) -> Task:
        """One call of the driver."""
        run = {
            "id": self.run_id,
            "epoch": 1,
            "system": "sparkle",
            "host": "db1",
            "state": str(self.state),
            "exclusive": False,
            "plan": {"migration_class": self.migration_class},
        }
        return Task.from_params({"action": action, "run": run, "store": self.store, **params})

    def do(self, action: str, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        """Do one action."""
        return run_task(self.task(action, **params), check_mode, self.unit)

    def client(self) -> Any:
        """A connection that the driver knows as its own."""
        return connected(Store.from_params(self.store), "stagegate/test")

    def guard(self) -> None:
        """What the service driver does when it holds the services."""
        self.state.mkdir(exist_ok=True)
        (self.state / "guard").touch()

    def deploy(self) -> None:
        """The whole way to a new release that works on these data."""
        self.do("backup")
        self.guard()
        self.do("stage")
        self.do("seal")
        self.do("activate")

    def started(self) -> None:
        """What the ledger says once the services may have been started: users may have written."""
        with open_journal(self.run) as journal, journal.step("restart", "start") as step:
            step.done()

    def entries(self, step: str = "") -> list[Entry]:
        """The ledger, or one step of it."""
        found = read_ledger(self.state / "ledger.jsonl").entries
        return [entry for entry in found if not step or entry.step == step]

    def kinds(self, step: str) -> list[str]:
        """The kinds of the entries of one step."""
        return [entry.kind for entry in self.entries(step)]


def fill(client: Client, keys: int = 200) -> None:
    """Keys of every type, some that expire, in two databases; sets that have no order of theirs."""
    for database in (0, 3):
        client.call("SELECT", database)
        words = [("SET", f"key:{n}", f"value {n} of {database}") for n in range(keys)]
        words += [("SET", f"session:{n}", n, "PX", 3600_000) for n in range(20)]
        words += [("SADD", "members", *(f"member {n}" for n in range(1000)))]
        words += [("HSET", "profile", *(part for n in range(700) for part in (f"f{n}", f"v{n}")))]
        words += [("ZADD", "ranks", *(part for n in range(300) for part in (n / 3, f"player {n}")))]
        words += [("RPUSH", "queue", *range(400)), ("XADD", "events", "1-1", "kind", "login")]
        words += [("XGROUP", "CREATE", "events", "readers", 0)]
        words += [("SET", b"\x00\xff binary \r\n", b"\x00\r\n\xff")]
        client.pipeline(words)
    client.call("SELECT", 0)


def wait_for(seconds: float) -> None:
    """Let keys expire."""
    time.sleep(seconds)
