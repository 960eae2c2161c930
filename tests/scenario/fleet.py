"""The hosts of sparkle: three that serve, one that keeps the data, one that lets users in.

What a run did on several of them is read from its record: where the doors stood, and when.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from stagegate.history import last_change, live_release
from tests.lab import Lab
from tests.lab.commands import wait_for
from tests.scenario.deployment import Outcome
from tests.scenario.invariants import Seen, violations_at_the_end
from tests.scenario.member import Member
from tests.scenario.stage import Commands
from tests.scenario.users import Users

SERVING = ("app1", "app2", "app3")
DATA, DOOR = "db1", "lb1"
SERVICE = "sparkle-api"
INVENTORY = str(Path(__file__).resolve().parents[2] / "inventories/sparkle")
SMOKE_TESTS = 43
# Where latency is not the subject, a busy controller must not end a run before the subject comes.
WITHOUT_GATES = ("-e", '{"gates": []}')

LOOK = """
import json, os, subprocess, urllib.request
state = "/var/lib/stagegate/sparkle"
def ask():
    try:
        with urllib.request.urlopen("http://127.0.0.1:8000/health", timeout=5) as answer:
            return json.load(answer)
    except OSError:
        return {"version": "", "instance_id": ""}
unit = subprocess.run(["systemctl", "is-active", "sparkle-api"], capture_output=True, text=True)
link = "/srv/sparkle/current"
answer = ask()
print(json.dumps({
    "release": os.readlink(link) if os.path.islink(link) else "",
    "active": unit.stdout.strip(),
    "version": answer["version"],
    "instance": answer["instance_id"],
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
        """What is true on a host that serves, now; the instance is another after each start."""
        seen: dict[str, Any] = self._python(name, LOOK)
        return seen

    def instances(self) -> dict[str, str]:
        """The process that answers on each host that serves."""
        return {name: self.look(name)["instance"] for name in SERVING}

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

    def columns(self, table: str) -> list[str]:
        """The names of a table's columns."""
        rows = self.query(
            "SELECT column_name::text FROM information_schema.columns "
            f"WHERE table_name = '{table}' ORDER BY ordinal_position"
        )
        return [row[0] for row in rows]

    def databases(self) -> list[str]:
        """The names of all databases on the server."""
        return [row[0] for row in self.query("SELECT datname::text FROM pg_database")]

    def invalid_indexes(self) -> list[str]:
        """The names of the indexes that a failed build left behind."""
        named = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
        return [row[0] for row in self.query(named)]

    def seen(self, name: str) -> Seen:
        """A host as the invariants are asked of it."""
        host, serves = self.hosts[name], name in SERVING
        looked = self.look(name) if serves else {}
        invalid = self.invalid_indexes() if name == DATA else []
        return Seen(
            name=name,
            entries=host.ledger(),
            owner=host.owner(),
            guarded=host.guarded(),
            release=looked["release"] if serves else "",
            data={},
            services={SERVICE: looked["version"]} if serves and looked["version"] else {},
            processes=int(serves and looked["active"] == "active"),
            broken=[f"the index {index} is not valid" for index in invalid],
        )

    def assert_closed(self, name: str, release: str) -> None:
        """The last run on a host has ended, left this release live, and holds nothing any more."""
        seen = self.seen(name)
        assert violations_at_the_end(seen, serving(name)) == []
        assert live_release(last_change(seen.entries)) == release, name

    def assert_serves(self, name: str, release: str) -> None:
        """A host runs a release, says so itself, and nothing of a run is left on it."""
        wanted = {
            "release": f"releases/{release}",
            "active": "active",
            "version": release,
            "guarded": False,
            "locked": False,
        }
        seen = self.look(name)
        assert {key: seen[key] for key in wanted} == wanted, name

    def assert_held(self, name: str) -> None:
        """Nothing runs on a host that serves, nothing can start, and the lock is kept."""
        seen = self.look(name)
        assert (seen["active"], seen["version"]) == ("inactive", ""), name
        assert seen["guarded"], name
        assert seen["locked"], name

    def assert_invariants(self, release: str) -> None:
        """Everything that must be true on every host once a run ended with this release live."""
        for name in self.hosts:
            self.assert_closed(name, release)
        for name in SERVING:
            self.assert_serves(name, release)
        assert self.servers() == dict.fromkeys(SERVING, "UP")
        left = "SELECT pid FROM pg_stat_activity WHERE application_name ~ '^stagegate'"
        assert self.query(left) == []

    def _python(self, name: str, program: str) -> Any:
        done = self.hosts[name].machine.run("python3", "-B", "-", given=program)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        return json.loads(done.stdout)


def serving(name: str) -> list[str]:
    """The services that must run on a host once a run is over."""
    return [SERVICE] if name in SERVING else []


def verdicts(outcome: Outcome) -> dict[str, str]:
    """How a run ended on each host."""
    return {name: part["verdict"] for name, part in outcome.record["hosts"].items()}


def doors(outcome: Outcome) -> list[str]:
    """What a run did at the doors, in its order, say ``quiesce.close:app1``."""
    return [step for step in outcome.steps(DOOR) if ":" in step]


def state_of(outcome: Outcome, name: str, step: str) -> dict[str, Any]:
    """What the last step of a name left in a host's ledger."""
    return dict(_entries(outcome, name, step, "done")[-1]["state"])


def moment(outcome: Outcome, name: str, step: str, kind: str = "done") -> float:
    """When a host wrote the first entry of a kind for a step, in seconds since the epoch.

    The machines of the lab have one clock, so moments of two hosts can be compared.
    """
    return _at(_entries(outcome, name, step, kind)[0])


def closed_window(outcome: Outcome, *phases: str) -> tuple[float, float]:
    """When the first door began to close in some phases, and when the last one was open again."""
    mine = [e for e in outcome.of_host(DOOR)["entries"] if e["phase"] in phases]
    closing = [_at(e) for e in mine if e["step"].startswith("close:")]
    opened = [_at(e) for e in mine if e["step"].startswith("open:") and e["kind"] == "done"]
    return min(closing), max(opened)


def _entries(outcome: Outcome, name: str, step: str, kind: str) -> list[dict[str, Any]]:
    entries = outcome.of_host(name)["entries"]
    found = [e for e in entries if (f"{e['phase']}.{e['step']}", e["kind"]) == (step, kind)]
    assert found, f"{name} has no {kind} {step}: {outcome}"
    return found


def _at(entry: dict[str, Any]) -> float:
    return datetime.fromisoformat(entry["t_wall"]).timestamp()
