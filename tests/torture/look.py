"""What is true in a local world, read from its disk and its processes."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from stagegate.ledger import read_ledger
from tests.scenario.invariants import Seen
from tests.torture.world import World

HOST = "localhost"
ANSWERS_WITHIN = 5.0


def look_at(world: World) -> Seen:
    """The one host of a local world; raises BadInput when its ledger is damaged."""
    running = world.services()
    return Seen(
        name=world.system.name,
        entries=read_ledger(world.state / "ledger.jsonl").entries,
        owner=owner_of(world.state / "lock"),
        guarded=os.path.lexists(world.state / "guard"),
        release=leads_to(world.home / world.system.name / "current"),
        data={name: leads_to(world.home / "data" / link) for name, link in stores(world)},
        services=served(world) if running else {},
        processes=len(running),
        broken=broken(world),
    )


def stores(world: World) -> list[tuple[str, str]]:
    """Each store with the link of its live data."""
    return list(world.system.stores.items())


def leads_to(link: Path) -> str:
    """Where a link leads; empty when there is none."""
    return str(link.readlink()) if link.is_symlink() else ""


def owner_of(lock: Path) -> dict[str, Any] | None:
    """Who holds the system; None when nobody does."""
    if not lock.exists():
        return None
    owner: dict[str, Any] = json.loads((lock / "owner.json").read_text(encoding="utf-8"))
    return owner


def served(world: World) -> dict[str, str]:
    """What each service that answers says it is."""
    found = {}
    for name, port in world.ports.items():
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{port}/health", timeout=ANSWERS_WITHIN
            ) as answer:
                found[name] = str(json.load(answer)["version"])
        except (urllib.error.URLError, OSError):
            continue
    return found


def broken(world: World) -> tuple[str, ...]:
    """What SQLite says against a copy of each live database, and which lines are no JSON."""
    found = []
    for name, link in stores(world):
        live = world.home / "data" / link
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
