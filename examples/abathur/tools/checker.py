"""Look for every acknowledged write; exit status 1 when one is lost.

Asks the service (--url), or reads the database itself (--database). A write counts as lost when its
row is not there or has another value. Writes that an operator accepted to lose, exported by the
rollback as JSON lines (--accepted-delta), are counted apart.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sqlite3
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

from acknowledged import KINDS, Entry, read_log

Row = dict[str, Any]
LOST_SHOWN = 10


class Source(Protocol):
    """Where rows are looked up; each answers None for a row that is not there."""

    def session(self, session_id: str) -> Row | None:
        """Return a session with `events` and `state` decoded."""

    def task(self, task_id: str) -> Row | None:
        """Return a task."""

    def memory(self, namespace: str, key: str, version: int) -> Row | None:
        """Return one version of a memory, its value decoded."""


class FromService:
    """Rows as the service tells them."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        self._history: tuple[tuple[str, str], list[Row]] = (("", ""), [])

    def _get(self, path: str) -> Row | None:
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise OSError(f"GET {path} answered {answer.status}: {text[:200].decode()}")
        row: Row = json.loads(text)
        return row

    def session(self, session_id: str) -> Row | None:
        """Return a session."""
        return self._get(f"/sessions/{quote(session_id)}")

    def task(self, task_id: str) -> Row | None:
        """Return a task."""
        return self._get(f"/tasks/{quote(task_id)}")

    def memory(self, namespace: str, key: str, version: int) -> Row | None:
        """Return one version of a memory; all versions of the last one asked for are kept."""
        if self._history[0] != (namespace, key):
            found = self._get("/memory/history?" + urlencode({"namespace": namespace, "key": key}))
            self._history = (namespace, key), found["versions"] if found else []
        return next((row for row in self._history[1] if row["version"] == version), None)


class FromDatabase:
    """Rows as they stand in the file, read without the service."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
        self._database.row_factory = sqlite3.Row

    def _one(self, query: str, *values: str | int) -> Row | None:
        row = self._database.execute(query, values).fetchone()
        return None if row is None else dict(row)

    def session(self, session_id: str) -> Row | None:
        """Return a session."""
        row = self._one("SELECT * FROM sessions WHERE id = ?", session_id)
        if row is not None:
            row.update(events=json.loads(row["events"]), state=json.loads(row["state"]))
        return row

    def task(self, task_id: str) -> Row | None:
        """Return a task."""
        return self._one("SELECT * FROM tasks WHERE id = ?", task_id)

    def memory(self, namespace: str, key: str, version: int) -> Row | None:
        """Return one version of a memory."""
        query = "SELECT * FROM memory_entries WHERE namespace = ? AND key = ? AND version = ?"
        row = self._one(query, namespace, key, version)
        if row is not None:
            row["value"] = json.loads(row["value"])
        return row


def is_there(source: Source, entry: Entry) -> bool:
    """Say whether an acknowledged write is there, with its value."""
    kind = entry["kind"]
    if kind == "memory":
        memory = source.memory(entry["namespace"], entry["key"], entry["version"])
        return memory is not None and memory["value"] == entry["value"]
    if kind == "task":
        task = source.task(entry["id"])
        return task is not None and all(
            task[name] == entry[name] for name in ("prompt", "session_id")
        )
    session = source.session(entry["id"] if kind == "session" else entry["session"])
    if session is None:
        return False
    if kind == "event":
        return entry["event_id"] in [event["event_id"] for event in session["events"]]
    if kind == "state":
        return bool(session["state"].get(entry["key"]) == entry["value"])
    return all(session[name] == entry[name] for name in ("app_name", "user_id"))


def is_in_delta(changes: Iterable[Row], entry: Entry) -> bool:
    """Say whether an exported delta names the row of a write, as one that was added or changed.

    A change is `{"table", "op": added|changed|deleted, "row"}`.
    """
    kind = entry["kind"]
    wanted: dict[str, tuple[str, Callable[[Row], bool]]] = {
        "memory": (
            "memory_entries",
            lambda row: all(row[name] == entry[name] for name in ("namespace", "key", "version")),
        ),
        "task": ("tasks", lambda row: row["id"] == entry["id"]),
        "session": ("sessions", lambda row: row["id"] == entry["id"]),
        "event": ("sessions", lambda row: row["id"] == entry["session"]),
        "state": ("sessions", lambda row: row["id"] == entry["session"]),
    }
    table, fits = wanted[kind]
    return any(
        change["table"] == table and change["op"] != "deleted" and fits(change["row"])
        for change in changes
    )


def check(
    source: Source, entries: Iterable[Entry], accepted: list[Row]
) -> tuple[int, int, list[Entry]]:
    """Return how many were acknowledged, how many missing ones are accepted, which are lost."""
    number, waived, lost = 0, 0, []
    for entry in entries:
        if entry["kind"] not in KINDS:
            continue
        number += 1
        if is_there(source, entry):
            continue
        if is_in_delta(accepted, entry):
            waived += 1
        else:
            lost.append(entry)
    return number, waived, lost


def main() -> int:
    """Check from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--url", help="the service")
    place.add_argument("--database", type=Path, help="the file, read only")
    parser.add_argument("--log", type=Path, required=True, help="the writer's log")
    parser.add_argument("--accepted-delta", type=Path, help="rows that may be missing")
    given = parser.parse_args()
    source: Source = FromService(given.url) if given.url else FromDatabase(given.database)
    accepted = []
    if given.accepted_delta:
        lines = given.accepted_delta.read_text(encoding="utf-8").splitlines()
        accepted = [json.loads(line) for line in lines]
    number, waived, lost = check(source, read_log(given.log), accepted)
    for entry in lost[:LOST_SHOWN]:
        print(f"lost: {json.dumps(entry)}")
    if len(lost) > LOST_SHOWN:
        print(f"lost: {len(lost) - LOST_SHOWN} more")
    if waived:
        print(f"accepted as lost: {waived}")
    print(f"acknowledged writes: {number}  lost: {len(lost)}")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
