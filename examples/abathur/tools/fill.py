"""Make a database of a given size, full of rows such as a service has after months of use.

Builds the schema with an unpacked release's migrations when the file is not there yet. The file is
written without a journal and without syncs, which is fast and fit only for a database that nothing
uses yet; it ends in WAL mode, as a service would leave it.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sqlite3
import struct
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from migrate import migrate

BATCH = 200  # sessions, with all that belongs to them
UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
WORDS = re.findall(
    r"\w+",
    "agent memory session task deploy rollback index vector query answer prompt result plan review"
    " schema migration release window gate latency error budget audit trail namespace policy"
    " document chunk embedding search conflict merge version history state event action tool call",
)
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
VECTOR = struct.Struct("768f")
EVENTS, MEMORIES, VERSIONS = 12, 4, 2
SENTENCES = 500  # of each length; making a new one for every row would be half of the time
SESSIONS_PER_DOCUMENT = 20


class Rows:
    """Makes rows from a seed, so that a new database of one size is always the same."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - nothing secret
        self._sentences: dict[int, list[str]] = {}

    def text(self, words: int) -> str:
        """Return a text of so many words."""
        if words not in self._sentences:
            self._sentences[words] = [
                " ".join(self._random.choices(WORDS, k=words)) for _ in range(SENTENCES)
            ]
        return self._random.choice(self._sentences[words])

    def moment(self, number: int) -> str:
        """Return when session `number` was."""
        moment = START + timedelta(seconds=37 * number)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def session(self, number: int) -> tuple[Any, ...]:
        """Return a session with its events."""
        now = self.moment(number)
        events = [
            {
                "event_id": f"fill-{number}-{event}",
                "timestamp": now,
                "event_type": "message",
                "actor": "user" if event % 2 == 0 else f"agent:{number % 7}",
                "content": {"text": self.text(20)},
            }
            for event in range(EVENTS)
        ]
        state = {"session:topic": self.text(3), "user:language": "en"}
        status = "terminated" if number % 10 else "active"
        where = (f"user-{number % 500}", f"project-{number % 40}", status)
        document = json.dumps(events), json.dumps(state)
        return (f"fill-{number}", "filler", *where, *document, now, now)

    def task(self, number: int) -> tuple[Any, ...]:
        """Return the session's task."""
        now = self.moment(number)
        result = json.dumps({"text": self.text(30)})
        return (f"fill-{number}", self.text(25), "completed", result, now, now, f"fill-{number}")

    def memories(self, number: int) -> Iterator[tuple[Any, ...]]:
        """Yield what was remembered, in two versions each."""
        now = self.moment(number)
        for memory in range(MEMORIES):
            for version in range(1, VERSIONS + 1):
                value = json.dumps({"text": self.text(40), "weight": self._random.random()})
                kind = ("semantic", "episodic", "procedural")[memory % 3]
                name = (f"user:user-{number % 500}:notes", f"note-{number}-{memory}")
                yield (*name, value, kind, version, f"session:fill-{number}", now, now)

    def audit(self, number: int) -> Iterator[tuple[Any, ...]]:
        """Yield the trail of those memories."""
        for memory in range(MEMORIES):
            for operation in ("create", "update"):
                data = json.dumps({"key": f"note-{number}-{memory}"})
                namespace = f"user:user-{number % 500}:notes"
                yield (
                    self.moment(number),
                    f"fill-{number}",
                    f"memory_{operation}",
                    data,
                    operation,
                    namespace,
                )

    def document(self, number: int) -> tuple[Any, ...]:
        """Return a document that lies in no watched directory."""
        metadata = json.dumps({"characters": 4000, "terms": self._random.sample(WORDS, 20)})
        digest = f"{self._random.getrandbits(256):064x}"
        now = self.moment(number)
        return (f"/fill/{number}.md", self.text(5), "md", digest, metadata, now, "synced", now, now)

    def vector(self) -> bytes:
        """Return a vector of length 1."""
        values = [self._random.random() - 0.5 for _ in range(768)]
        length = sum(value * value for value in values) ** 0.5
        return VECTOR.pack(*(value / length for value in values))


INSERTS = {
    "session": "INSERT INTO sessions (id, app_name, user_id, project_id, status, events, state,"
    " created_at, last_update_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "task": "INSERT INTO tasks (id, prompt, status, result_data, submitted_at, last_updated_at,"
    " session_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
    "memory": "INSERT INTO memory_entries (namespace, key, value, memory_type, version, created_by,"
    " created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    "audit": "INSERT INTO audit (timestamp, task_id, action_type, action_data,"
    " memory_operation_type, memory_namespace) VALUES (?, ?, ?, ?, ?, ?)",
    "document": "INSERT INTO document_index (file_path, title, document_type, content_hash,"
    " metadata, last_synced_at, sync_status, created_at, updated_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "data": "INSERT INTO document_embeddings_data (document_id, embedding) VALUES (?, ?)",
    "vector": "INSERT INTO document_embeddings (rowid, embedding) VALUES (?, ?)",
}


def add_batch(database: sqlite3.Connection, rows: Rows, first: int) -> None:
    """Add `BATCH` sessions with all that belongs to them, in one transaction."""
    numbers = range(first, first + BATCH)
    database.execute("BEGIN")
    database.executemany(INSERTS["session"], map(rows.session, numbers))
    database.executemany(INSERTS["task"], map(rows.task, numbers))
    for make, table in ((rows.memories, "memory"), (rows.audit, "audit")):
        database.executemany(INSERTS[table], (row for n in numbers for row in make(n)))
    for number in numbers[::SESSIONS_PER_DOCUMENT]:
        document = database.execute(INSERTS["document"], rows.document(number)).lastrowid
        vector = rows.vector()
        stored = database.execute(INSERTS["data"], (document, vector)).lastrowid
        database.execute(INSERTS["vector"], (stored, vector))
    database.execute("COMMIT")


def size_of(database: sqlite3.Connection) -> int:
    """Return the size of the file in bytes, as SQLite will leave it."""
    pages: int = database.execute("PRAGMA page_count").fetchone()[0]
    page: int = database.execute("PRAGMA page_size").fetchone()[0]
    return pages * page


def fill(path: Path, size: int) -> int:
    """Add rows until the file has `size` bytes; returns how many sessions there are then."""
    database = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -500000"):
        database.execute(f"PRAGMA {pragma}")
    there = "SELECT count(*) FROM sessions WHERE id GLOB 'fill-*'"
    first: int = database.execute(there).fetchone()[0]
    rows = Rows(first)
    while size_of(database) < size:
        add_batch(database, rows, first)
        first += BATCH
    database.execute("PRAGMA journal_mode = WAL")
    database.close()
    return first


def parse_size(text: str) -> int:
    """Read 1048576, 10MB or 1GB."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(KB|MB|GB|)", text.upper())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 100MB")
    return int(float(found[1]) * UNITS[found[2]])


def main() -> int:
    """Fill from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", type=Path, required=True, help="the database")
    parser.add_argument("--size", type=parse_size, required=True, help="such as 10MB, 1GB")
    parser.add_argument("--release", type=Path, help="an unpacked release, for a new file")
    given = parser.parse_args()
    if not given.path.exists():
        if given.release is None:
            parser.error(f"{given.path} is not there: name a --release to create it with")
        given.path.parent.mkdir(parents=True, exist_ok=True)
        migrate(given.release.resolve(), given.path)
    sessions = fill(given.path, given.size)
    print(f"{given.path}: {given.path.stat().st_size / 10**6:.1f} MB, {sessions} sessions")
    return 0


if __name__ == "__main__":
    sys.exit(main())
