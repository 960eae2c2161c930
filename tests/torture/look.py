"""What is true on a host, read from its disk and its processes."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from stagegate.ledger import read_ledger
from tests.scenario.invariants import Seen
from tests.scenario.member import owner_of
from tests.torture.systems import LocalSystem

ANSWERS_WITHIN = 5.0


def look_at(home: Path, system: LocalSystem, running: list[int], ports: Mapping[str, int]) -> Seen:
    """The one host of a local world; raises BadInput when its ledger is damaged."""
    state = home / "state" / system.name
    links = {name: home / "data" / link for name, link in system.stores.items()}
    return Seen(
        name=system.name,
        entries=read_ledger(state / "ledger.jsonl").entries,
        owner=owner_of(state / "lock"),
        guarded=os.path.lexists(state / "guard"),
        release=leads_to(home / system.name / "current"),
        data={name: leads_to(link) for name, link in links.items()},
        services=served(ports) if running else {},
        processes=len(running),
        broken=broken(links),
    )


def leads_to(link: Path) -> str:
    """Where a link leads; empty when there is none."""
    return str(link.readlink()) if link.is_symlink() else ""


def served(ports: Mapping[str, int]) -> dict[str, str]:
    """What each service that answers says it is."""
    found = {}
    for name, port in ports.items():
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{port}/health", timeout=ANSWERS_WITHIN
            ) as answer:
                found[name] = str(json.load(answer)["version"])
        except (urllib.error.URLError, OSError):
            continue
    return found


def broken(links: Mapping[str, Path]) -> tuple[str, ...]:
    """What SQLite says against a copy of each live database, and which lines are no JSON."""
    found = []
    for name, live in links.items():
        for database in live.glob("*.db"):
            found += [f"{name}: {words}" for words in sqlite_says(database)]
        for lines in live.glob("*.jsonl"):
            found += [f"{name}: {words}" for words in torn_lines(lines)]
    return tuple(found)


def sqlite_says(database: Path) -> list[str]:
    """SQLite's own checks of a copy: a look at the live file would leave files beside it."""
    with tempfile.TemporaryDirectory() as scratch:
        for beside in ("-wal", ""):
            source = Path(f"{database}{beside}")
            if source.exists():
                shutil.copy(source, scratch)
        connection = sqlite3.connect(Path(scratch, database.name))
        found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
        found += [str(row) for row in connection.execute("PRAGMA foreign_key_check")]
        connection.close()
    return [words for words in found if words != "ok"]


def torn_lines(file: Path) -> list[str]:
    """Each whole line that is no JSON; what stands after the last newline was not promised."""
    found = []
    for number, line in enumerate(file.read_bytes().split(b"\n")[:-1], start=1):
        try:
            json.loads(line)
        except ValueError:
            found.append(f"line {number} of {file.name} is no JSON: {line[:60]!r}")
    return found
