"""A host of a scenario as it is seen from outside, and what must always be true of it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stagegate.conduct import live_release
from stagegate.history import last_change, unfinished
from stagegate.ledger import Entry, read_ledger
from tests.scenario.load import Load

if TYPE_CHECKING:
    from tests.lab import Machine
    from tests.scenario.deployment import Outcome, Running

PROBE = Path(__file__).with_name("probe.py")
# Immutable: a look at a copy must not leave files beside it.
QUERY = """
import json, sqlite3, sys
connection = sqlite3.connect(f"file:{sys.argv[1]}?immutable=1", uri=True)
print(json.dumps(connection.execute(sys.argv[2]).fetchall()))
"""
STATE = "var/lib/stagegate/abathur"
REACHED_WITHIN = 600.0


class Host:
    """One machine with abathur on it."""

    def __init__(self, machine: Machine, scratch: Path) -> None:
        self.machine = machine
        self.name = machine.name
        self.url = f"http://{machine.address}:8000"
        self._scratch = scratch

    def load(self, users: str = "users") -> Load:
        """Users of this host; all that they ever wrote in this scenario is in one log."""
        return Load(self.url, self._scratch / f"{users}-{self.name}.jsonl")

    def look(self) -> dict[str, Any]:
        """What is true on the host now (see probe.py)."""
        done = self.machine.run("python3", "-B", "-", given=PROBE.read_text(encoding="utf-8"))
        assert done.returncode == 0, f"{self.name}: {done.stderr}"
        seen: dict[str, Any] = json.loads(done.stdout)
        return seen

    def read(self, path: str) -> str:
        """The text of a file on the host."""
        done = self.machine.run("cat", path)
        assert done.returncode == 0, f"{self.name}: {done.stderr}"
        return done.stdout

    def files(self, directory: str) -> list[str]:
        """The names in a directory of the host."""
        done = self.machine.run("ls", "-1", directory)
        assert done.returncode == 0, f"{self.name}: {done.stderr}"
        return done.stdout.splitlines()

    def query(self, database: str, statement: str) -> list[list[Any]]:
        """The rows that a file at rest on the host answers with."""
        done = self.machine.run("python3", "-c", QUERY, database, statement)
        assert done.returncode == 0, f"{self.name}: {done.stderr}"
        rows: list[list[Any]] = json.loads(done.stdout)
        return rows

    def backup(self, run: str) -> str:
        """The path of the copy that a run made of the database."""
        return f"/{STATE}/backups/{run}/memory/abathur.db"

    def way_back(self, outcome: Outcome) -> str:
        """The class of the way that a run went back on this host, R0 to R4."""
        entries = outcome.of_host(self.name)["entries"]
        taken = [e["state"]["way_back"] for e in entries if e["step"] == "reopen"]
        return str(taken[-1]["name"])

    def ledger(self) -> tuple[Entry, ...]:
        """The entries of the host's ledger, read from its disk: it need not be reachable or on.

        Raises BadInput when the chain is broken.
        """
        source = self.machine.files.root / STATE / "ledger.jsonl"
        copy = self._scratch / f"ledger-{self.name}.jsonl"
        copy.write_bytes(source.read_bytes() if source.exists() else b"")
        return read_ledger(copy).entries

    def wait_for(self, step: str, running: Running, after: int) -> None:
        """Return once the host's ledger announces a step, say ``migrate.stage:memory``.

        `after` is the number of entries that were there before the command was started.
        """
        end = time.monotonic() + REACHED_WITHIN
        while not any(_is_intent(entry, step) for entry in self.ledger()[after:]):
            assert not running.is_over(), f"{self.name}: no {step}: {running.wait()}"
            assert time.monotonic() < end, f"{self.name}: no {step} in {REACHED_WITHIN:g} s"
            time.sleep(0.02)

    def assert_invariants(self, release: str) -> None:
        """Everything that must be true once a run has ended with this release live."""
        entries, seen = self.ledger(), self.look()
        assert unfinished(entries) is None, "the ledger's last run has no end"
        assert live_release(last_change(entries)) == release
        assert seen["release"] == f"releases/{release}"
        assert seen["data"] == live_generation(entries)
        assert not seen["locked"], "the run has ended, its lock has not"
        assert not seen["guarded"], "services run, and the start guard is there"
        served = {name: (s["ActiveState"], s["version"]) for name, s in seen["services"].items()}
        assert served == dict.fromkeys(served, ("active", release))
        assert seen["integrity"] == []


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


def _is_intent(entry: Entry, step: str) -> bool:
    return entry.kind == "intent" and f"{entry.phase}.{entry.step}" == step
