"""A proof that this release's code works on a given database, without the service being live.

Starts the API on an address of its own against ABATHUR_DATABASE (meant for a copy), reads what is
there, does what the service offers, removes what it made. One line for each check; exit status 0
only when all of them passed within the deadline.
"""

from __future__ import annotations

import http.client
import json
import os
import sqlite3
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from abathur import values
from abathur.operation import Json
from abathur.release import read_release
from abathur.settings import StartupError, read_settings
from abathur.trial import CheckFailed, Client, running_api
from abathur.web import refuse

DEADLINE = 45.0  # for everything, in seconds
ROWS = 20
TROUBLE = (OSError, http.client.HTTPException, sqlite3.Error, ValueError, KeyError, TypeError)


class Checks:
    """The checks, in the order in which they run; what they make carries `mark`."""

    def __init__(self, client: Client, database: Path, version: str) -> None:
        self._client = client
        self._database = database
        self._version = version
        self._mark = f"selftest-{uuid.uuid4().hex[:12]}"
        self._namespace = f"selftest:{self._mark}"

    def all(self) -> list[tuple[str, Callable[[], None]]]:
        """Return each check with its name."""
        return [
            ("health tells this release", self.health),
            ("sessions that were there can be read", self.old_sessions),
            ("memories that were there can be read", self.old_memories),
            ("tasks that were there can be read", self.old_tasks),
            ("documents that were there can be read", self.old_documents),
            ("the lifecycle policies can be read", self.policies),
            ("a session is created, continued, updated and ended", self.session),
            ("a task is linked to its session", self.task),
            ("a memory is created, updated, found and deleted", self.memory),
            ("conflicting memories are consolidated", self.consolidation),
            ("the audit trail has every memory operation", self.audit),
            ("both searches answer", self.search),
            ("wrong requests are refused", self.refusals),
            ("everything that was made is removed", self.removal),
        ]

    def _rows(self, query: str) -> list[sqlite3.Row]:
        with closing(sqlite3.connect(f"file:{quote(str(self._database))}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            return db.execute(query, {"rows": ROWS}).fetchall()

    def health(self) -> None:
        """The right release answers."""
        health = self._client.expect(200, "GET", "/health")
        if health["version"] != self._version:
            raise CheckFailed(f"health says {health['version']}, this is {self._version}")

    def old_sessions(self) -> None:
        """The newest sessions have the events and state that their rows have."""
        query = "SELECT id, events, state FROM sessions ORDER BY rowid DESC LIMIT :rows"
        for row in self._rows(query):
            session = self._client.expect(200, "GET", f"/sessions/{row['id']}")
            for name in ("events", "state"):
                if session[name] != json.loads(row[name]):
                    raise CheckFailed(f"session {row['id']} came back with other {name}")
        self._client.expect(200, "GET", "/sessions", limit=ROWS)

    def old_memories(self) -> None:
        """The newest memories come back in their history with the value that their row has."""
        query = (
            "SELECT namespace, key, version, value FROM memory_entries ORDER BY id DESC LIMIT :rows"
        )
        for row in self._rows(query):
            name = {"namespace": row["namespace"], "key": row["key"]}
            versions = self._client.expect(200, "GET", "/memory/history", **name)["versions"]
            value = [entry["value"] for entry in versions if entry["version"] == row["version"]]
            if value != [values.decode(row["value"])]:
                raise CheckFailed(f"memory {name} came back with another value")

    def old_tasks(self) -> None:
        """The newest tasks can be read."""
        for row in self._rows("SELECT id, prompt FROM tasks ORDER BY rowid DESC LIMIT :rows"):
            task = self._client.expect(200, "GET", f"/tasks/{row['id']}")
            if task["prompt"] != row["prompt"]:
                raise CheckFailed(f"task {row['id']} came back with another prompt")

    def old_documents(self) -> None:
        """The newest documents can be read."""
        for row in self._rows("SELECT file_path FROM document_index ORDER BY id DESC LIMIT :rows"):
            self._client.expect(200, "GET", "/documents/by-path", path=row["file_path"])

    def policies(self) -> None:
        """The service understands its own configuration."""
        self._client.expect(200, "GET", "/memory/policies")

    def session(self) -> None:
        """A session goes through its life."""
        made = {"id": self._mark, "app_name": "selftest", "user_id": "selftest"}
        self._client.expect(201, "POST", "/sessions", made)
        event = {"event_type": "message", "actor": "user", "content": {"text": "hello"}}
        path = f"/sessions/{self._mark}"
        self._client.expect(201, "POST", f"{path}/events", event)
        session = self._client.expect(200, "GET", path)
        change = {"delta": {"session:step": 1}, "expected_version": session["version"]}
        self._client.expect(200, "PATCH", f"{path}/state", change)
        self._client.expect(409, "PATCH", f"{path}/state", change)
        session = self._client.expect(200, "GET", path)
        if session["status"] != "active" or session["state"] != {"session:step": 1}:
            raise CheckFailed(f"the session came back as {session}")

    def task(self) -> None:
        """A task belongs to the session."""
        made = {"id": self._mark, "prompt": "test", "session_id": self._mark}
        self._client.expect(201, "POST", "/tasks", made)
        found = self._client.expect(200, "GET", "/tasks", session_id=self._mark)
        if [task["id"] for task in found["tasks"]] != [self._mark]:
            raise CheckFailed("the session's task was not found")
        self._client.expect(200, "PATCH", f"/tasks/{self._mark}", {"status": "completed"})
        self._client.expect(200, "POST", f"/sessions/{self._mark}/terminate", {})

    def _memory(self, key: str, value: Json, **more: Json) -> dict[str, Json]:
        name = {"namespace": self._namespace, "key": key, "task_id": self._mark}
        return {**name, "value": value, "memory_type": "semantic", **more}

    def memory(self) -> None:
        """A memory goes through its life."""
        self._client.expect(201, "POST", "/memory", self._memory("life", {"step": 1}))
        updated = self._client.expect(200, "PUT", "/memory", self._memory("life", {"step": 2}))
        name = {"namespace": self._namespace, "key": "life"}
        entry = self._client.expect(200, "GET", "/memory", **name)
        if (entry["version"], entry["value"]) != (updated["version"], {"step": 2}):
            raise CheckFailed(f"the memory came back as {entry}")
        found = self._client.expect(200, "GET", "/memory/search", prefix=self._namespace)
        if [entry["key"] for entry in found["entries"]] != ["life"]:
            raise CheckFailed("the namespace's memory was not found")
        self._client.expect(200, "DELETE", "/memory", **name, task_id=self._mark)
        self._client.expect(404, "GET", "/memory", **name)

    def consolidation(self) -> None:
        """Two updates of one version are merged."""
        self._client.expect(201, "POST", "/memory", self._memory("twice", {"a": 1}))
        for value in ({"a": 1, "b": 2}, {"a": 1, "c": 3}):
            change = self._memory("twice", value, base_version=1)
            self._client.expect(200, "PUT", "/memory", change)
        asked = {"prefix": self._namespace, "task_id": self._mark}
        done = self._client.expect(200, "POST", "/memory/consolidate", asked)
        if [entry["value"] for entry in done["resolved"]] != [{"a": 1, "b": 2, "c": 3}]:
            raise CheckFailed(f"the conflict was resolved to {done}")

    def audit(self) -> None:
        """Every kind of memory operation left its row."""
        rows = self._client.expect(200, "GET", "/audit", task_id=self._mark)["audit"]
        kinds = {row["memory_operation_type"] for row in rows}
        if kinds != {"create", "update", "delete", "consolidate"}:
            raise CheckFailed(f"the audit trail has {sorted(kinds)}")

    def search(self) -> None:
        """The searches answer, whether or not there are documents."""
        for kind in ("semantic", "hybrid"):
            self._client.expect(200, "GET", f"/search/{kind}", q="deployment", limit=3)

    def refusals(self) -> None:
        """The schema's rules hold."""
        twice = {"id": self._mark, "app_name": "selftest", "user_id": "selftest"}
        self._client.expect(409, "POST", "/sessions", twice)
        lost = {"prompt": "test", "session_id": f"{self._mark}-missing"}
        self._client.expect(422, "POST", "/tasks", lost)
        wrong = {**self._memory("wrong", 1), "memory_type": "imaginary"}
        self._client.expect(422, "POST", "/memory", wrong)

    def removal(self) -> None:
        """Nothing with the mark is left."""
        self._client.ask("DELETE", f"/namespaces/{self._namespace}")
        for path in (f"/tasks/{self._mark}", f"/sessions/{self._mark}"):
            self._client.ask("DELETE", path)
            self._client.expect(404, "GET", path)
        found = self._client.expect(200, "GET", "/memory/search", prefix=self._namespace)
        if found["entries"]:
            raise CheckFailed(f"{len(found['entries'])} memories are left")


def run(root: Path) -> list[str]:
    """Run every check; returns the names of those that failed."""
    deadline = time.monotonic() + DEADLINE
    settings = read_settings(os.environ, "ABATHUR_LISTEN", "127.0.0.1:0")
    failed: list[str] = []
    try:
        with running_api(root, deadline) as client:
            for name, check in Checks(client, settings.database, read_release(root).version).all():
                try:
                    check()
                except (CheckFailed, *TROUBLE) as error:
                    failed.append(name)
                    print(f"FAIL {name}: {error}", flush=True)
                else:
                    print(f"ok   {name}", flush=True)
    except CheckFailed as error:
        failed.append("the API starts and stops")
        print(f"FAIL the API starts and stops: {error}", flush=True)
    else:
        print("ok   the API starts and stops", flush=True)
    return failed


def main(root: Path) -> int:
    """Run the proof; returns the exit status."""
    try:
        failed = run(root)
    except StartupError as error:
        return refuse("abathur-selftest", error)
    # The last line is what a caller shows who has room for one.
    print(f"{len(failed)} failed, the first: {failed[0]}" if failed else "all passed")
    return 1 if failed else 0
