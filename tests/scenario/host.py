"""A host of a scenario as it is seen from outside, and what must always be true of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stagegate.history import last_change, live_release
from stagegate.ledger import Entry
from tests.scenario.invariants import Seen, violations_at_the_end
from tests.scenario.load import Load
from tests.scenario.member import Member

if TYPE_CHECKING:
    from tests.lab import Machine

SERVICES = ("abathur-api", "abathur-workers")
PROBE = Path(__file__).with_name("probe.py")
# Immutable: a look at a copy must not leave files beside it.
QUERY = """
import json, sqlite3, sys
connection = sqlite3.connect(f"file:{sys.argv[1]}?immutable=1", uri=True)
print(json.dumps(connection.execute(sys.argv[2]).fetchall()))
"""


class Host(Member):
    """One machine with abathur on it."""

    def __init__(self, machine: Machine, scratch: Path) -> None:
        super().__init__(machine, "abathur", scratch)
        self.url = f"http://{machine.address}:8000"

    def load(self, users: str = "users") -> Load:
        """Users of this host; all that they ever wrote in this scenario is in one log."""
        return Load(self.url, self._scratch / f"{users}-{self.name}.jsonl")

    def look(self) -> dict[str, Any]:
        """What is true on the host now (see probe.py)."""
        done = self.machine.run("python3", "-B", "-", given=PROBE.read_text(encoding="utf-8"))
        assert done.returncode == 0, f"{self.name}: {done.stderr}"
        seen: dict[str, Any] = json.loads(done.stdout)
        return seen

    def query(self, database: str, statement: str) -> list[list[Any]]:
        """The rows that a file at rest on the host answers with."""
        done = self.machine.run("python3", "-c", QUERY, database, statement)
        assert done.returncode == 0, f"{self.name}: {done.stderr}"
        rows: list[list[Any]] = json.loads(done.stdout)
        return rows

    def backup(self, run: str) -> str:
        """The path of the copy that a run made of the database."""
        return f"/{self.state}/backups/{run}/memory/abathur.db"

    def seen(self) -> Seen:
        """The host as the invariants are asked of it."""
        looked = self.look()
        active = {n: s for n, s in looked["services"].items() if s["ActiveState"] == "active"}
        return Seen(
            name=self.name,
            entries=self.ledger(),
            owner=self.owner(),
            guarded=looked["guarded"],
            release=looked["release"],
            data={"memory": looked["data"]},
            services={name: service["version"] for name, service in active.items()},
            processes=len(active),
            broken=looked["integrity"],
        )

    def assert_invariants(self, release: str) -> None:
        """Everything that must be true once a run has ended with this release live."""
        seen = self.seen()
        assert violations_at_the_end(seen, SERVICES) == []
        assert live_release(last_change(seen.entries)) == release
        assert seen.data["memory"] == live_generation(seen.entries)


def live_generation(entries: tuple[Entry, ...]) -> str:
    """Where the ledger says that the data link leads."""
    live = ""
    for entry in entries:
        if entry.kind != "done":
            continue
        if (entry.phase, entry.step) == ("restart", "activate:memory"):
            live = entry.state["new_target"]
        elif (entry.phase, entry.step) == ("rollback", "restore:memory"):
            live = entry.state["to_target"] if entry.state["activated"] else live
    return live
