"""The hosts of sparkle: three that serve, one that keeps the data, one that lets users in."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stagegate.conduct import live_release
from stagegate.history import last_change, unfinished
from tests.lab import Lab
from tests.lab.commands import wait_for
from tests.scenario.member import Member
from tests.scenario.stage import Commands
from tests.scenario.users import Users

SERVING = ("app1", "app2", "app3")
DATA, DOOR = "db1", "lb1"
INVENTORY = str(Path(__file__).resolve().parents[2] / "inventories/sparkle")

LOOK = """
import json, os, subprocess, urllib.request
state = "/var/lib/stagegate/sparkle"
def ask():
    try:
        with urllib.request.urlopen("http://127.0.0.1:8000/health", timeout=5) as answer:
            return json.load(answer)["version"]
    except OSError:
        return ""
unit = subprocess.run(["systemctl", "is-active", "sparkle-api"], capture_output=True, text=True)
link = "/srv/sparkle/current"
print(json.dumps({
    "release": os.readlink(link) if os.path.islink(link) else "",
    "active": unit.stdout.strip(),
    "version": ask(),
    "guarded": os.path.exists(state + "/guard"),
    "locked": os.path.exists(state + "/lock"),
}))
"""
SERVERS = """
import csv, json, socket
door = socket.socket(socket.AF_UNIX)
door.connect("/run/haproxy/admin.sock")
door.sendall(b"show stat\\n")
rows = csv.DictReader(door.makefile().read().removeprefix("# ").splitlines())
print(json.dumps({r["svname"]: r["status"] for r in rows
                  if r["pxname"] == "sparkle" and r["svname"] not in ("BACKEND", "FRONTEND")}))
"""


class Fleet(Commands):
    """The hosts of inventories/sparkle and the commands against them."""

    def __init__(self, scratch: Path, inventory: str = INVENTORY) -> None:
        super().__init__(inventory, scratch)
        lab = Lab()
        names = (*SERVING, DATA, DOOR)
        self.hosts = {name: Member(lab.machine(name), "sparkle", scratch) for name in names}
        self.url = f"http://{self.hosts[DOOR].machine.address}"

    def users(self, count: int = 6) -> Users:
        """Users who come through the door; all that they ever wrote is in one log."""
        return Users(self.url, self.scratch, count)

    def look(self, name: str) -> dict[str, Any]:
        """What is true on a host that serves, now."""
        return self._python(name, LOOK)

    def servers(self) -> dict[str, str]:
        """What the door says of each server: UP, MAINT, DRAIN, DOWN."""
        found: dict[str, str] = self._python(DOOR, SERVERS)
        return found

    def query(self, statement: str, database: str = "sparkle") -> list[list[Any]]:
        """The rows that the database answers with; asked on its own host."""
        rows = f"SELECT coalesce(json_agg(row_to_json(t)), '[]') FROM ({statement}) t"
        psql = ["psql", "-X", "-A", "-t", "-d", database, "-c", rows]
        done = self.hosts[DATA].machine.run("runuser", "-u", "postgres", "--", *psql)
        assert done.returncode == 0, done.stderr
        return [list(row.values()) for row in json.loads(done.stdout)]

    @contextlib.contextmanager
    def reading_without_end(self) -> Iterator[None]:
        """A transaction that has read the messages and is left open, as a forgotten report does."""
        statements = ("BEGIN", "SELECT count(*) FROM messages", "SELECT pg_sleep(3600)")
        commands = [word for statement in statements for word in ("-c", statement)]
        psql = ["runuser", "-u", "postgres", "--", "psql", "-X", "-d", "sparkle", *commands]
        database = self.hosts[DATA].machine
        started = database.run("systemd-run", "--collect", "--unit=report", "--", *psql)
        assert started.returncode == 0, started.stderr
        sleeping = "SELECT pid FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep'"
        try:
            wait_for(lambda: bool(self.query(sleeping)), 20, "the open transaction")
            yield
        finally:
            database.run("systemctl", "stop", "report")

    def revision(self) -> str:
        """The revision that alembic's table holds."""
        ((revision,),) = self.query("SELECT version_num::text FROM alembic_version")
        return str(revision)

    def indexes(self, table: str) -> list[str]:
        """The names of a table's valid indexes."""
        rows = self.query(
            "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            f"WHERE i.indrelid = '{table}'::regclass AND i.indisvalid ORDER BY 1"
        )
        return [row[0] for row in rows]

    def invalid_indexes(self) -> int:
        """The number of indexes that a failed build left behind."""
        return len(self.query("SELECT indexrelid::text FROM pg_index WHERE NOT indisvalid"))

    def assert_invariants(self, release: str) -> None:
        """Everything that must be true on every host once a run ended with this release live."""
        for name, host in self.hosts.items():
            entries = host.ledger()
            assert unfinished(entries) is None, f"{name}: the ledger's last run has no end"
            assert live_release(last_change(entries)) == release, name
            assert not host.locked(), f"{name}: the run has ended, its lock has not"
        wanted = {
            "release": f"releases/{release}",
            "active": "active",
            "version": release,
            "guarded": False,
            "locked": False,
        }
        assert {name: self.look(name) for name in SERVING} == dict.fromkeys(SERVING, wanted)
        assert self.servers() == dict.fromkeys(SERVING, "UP")
        assert self.invalid_indexes() == 0
        assert (
            self.query("SELECT pid FROM pg_stat_activity WHERE application_name ~ '^stagegate'")
            == []
        )

    def _python(self, name: str, program: str) -> Any:
        done = self.hosts[name].machine.run("python3", "-B", "-", given=program)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        return json.loads(done.stdout)
