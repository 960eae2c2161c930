"""A host of a run as its ledger shows it, whatever system runs there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stagegate.ledger import Entry, read_ledger

if TYPE_CHECKING:
    from tests.lab import Machine
    from tests.scenario.deployment import Outcome, Running

REACHED_WITHIN = 600.0


class Member:
    """One machine of a system; `scratch` takes copies of what is read from its disk."""

    def __init__(self, machine: Machine, system: str, scratch: Path) -> None:
        self.machine = machine
        self.name = machine.name
        self.state = f"var/lib/stagegate/{system}"
        self._scratch = scratch

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

    def way_back(self, outcome: Outcome) -> str:
        """The class of the way that a run went back on this host, R0 to R4."""
        entries = outcome.of_host(self.name)["entries"]
        taken = [e["state"]["way_back"] for e in entries if e["step"] == "reopen"]
        return str(taken[-1]["name"])

    def ledger(self) -> tuple[Entry, ...]:
        """The entries of the host's ledger, read from its disk: it need not be reachable or on.

        Raises BadInput when the chain is broken.
        """
        source = self.machine.files.root / self.state / "ledger.jsonl"
        copy = self._scratch / f"ledger-{self.name}.jsonl"
        copy.write_bytes(source.read_bytes() if source.exists() else b"")
        return read_ledger(copy).entries

    def owner(self) -> Mapping[str, Any] | None:
        """Who holds the host, read from its disk; None when nobody does."""
        return owner_of(self.machine.files.root / self.state / "lock")

    def locked(self) -> bool:
        """Tell whether a run holds the host."""
        return self.owner() is not None

    def guarded(self) -> bool:
        """Tell whether the start guard stands, read from the host's disk."""
        return (self.machine.files.root / self.state / "guard").exists()

    def wait_for(self, step: str, running: Running, after: int) -> None:
        """Return once the host's ledger announces a step, say ``migrate.stage:memory``.

        `after` is the number of entries that were there before the command was started.
        """
        end = time.monotonic() + REACHED_WITHIN
        while not any(_is_intent(entry, step) for entry in self.ledger()[after:]):
            assert not running.is_over(), f"{self.name}: no {step}: {running.wait()}"
            assert time.monotonic() < end, f"{self.name}: no {step} in {REACHED_WITHIN:g} s"
            time.sleep(0.02)

    def wait_until(self, condition: Callable[[tuple[Entry, ...]], bool]) -> None:
        """Return once the host's ledger is so; nobody here has to be at work on it."""
        end = time.monotonic() + REACHED_WITHIN
        while not condition(self.ledger()):
            assert time.monotonic() < end, f"{self.name}: not in {REACHED_WITHIN:g} s"
            time.sleep(0.1)


def owner_of(lock: Path) -> Mapping[str, Any] | None:
    """Who took a lock; None when it is free."""
    if not lock.exists():
        return None
    owner: dict[str, Any] = json.loads((lock / "owner.json").read_text(encoding="utf-8"))
    return owner


def _is_intent(entry: Entry, step: str) -> bool:
    return entry.kind == "intent" and f"{entry.phase}.{entry.step}" == step
