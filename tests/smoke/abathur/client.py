"""What the smoke tests speak with: the service, the data they make, the documents they write."""

from __future__ import annotations

import hashlib
import http.client
import json
import statistics
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

SYNC_DEADLINE = 5.0
# A document appears under its name only when it is complete.
WRITE = """
import pathlib, sys
target = pathlib.Path(sys.argv[1])
part = target.with_name(target.name + ".part")
part.write_text(sys.argv[2], encoding="utf-8")
part.chmod(0o644)
part.replace(target)
"""
REMOVE = """
import pathlib, sys
for name in sys.argv[1:]:
    pathlib.Path(name).unlink(missing_ok=True)
"""


@dataclass(frozen=True)
class Answer:
    """What the service said, and how long it took from the question to the end of the answer."""

    status: int
    json: Any
    seconds: float


class Service:
    """Asks the service over one open connection for each thread."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url).netloc
        self._local = threading.local()

    def connect(self) -> http.client.HTTPConnection:
        """Return this thread's connection, open."""
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection(self._address, timeout=10)
            self._local.connection.connect()
        connection: http.client.HTTPConnection = self._local.connection
        return connection

    def ask(self, method: str, path: str, body: Any = None, /, **query: str | int) -> Answer:
        """Ask; `body` is sent as JSON, or as it is when it is bytes."""
        target = quote(path) + ("?" + urlencode(query) if query else "")
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = self.connect()
        start = time.perf_counter()
        connection.request(method, target, data)
        response = connection.getresponse()
        text = response.read()
        seconds = time.perf_counter() - start
        return Answer(response.status, json.loads(text), seconds)

    def expect(self, status: int, method: str, path: str, body: Any = None, /, **query: Any) -> Any:
        """Ask, and return the answer's JSON; its status must be `status`."""
        answer = self.ask(method, path, body, **query)
        assert answer.status == status, f"{method} {path}: {answer.status} {answer.json}"
        return answer.json

    def usual_seconds(self, path: str, /, samples: int = 7, **query: str | int) -> float:
        """Return the median time of `samples` good answers to GET `path`."""
        times = []
        for _ in range(samples):
            answer = self.ask("GET", path, **query)
            assert answer.status == 200, f"GET {path}: {answer.status} {answer.json}"
            times.append(answer.seconds)
        return statistics.median(times)


class Data:
    """Makes what a test needs; `remove` takes all of it away again through the service."""

    def __init__(self, service: Service, mark: str) -> None:
        self._service = service
        self._mark = mark
        self._remove: list[str] = []
        self.namespace = f"smoke:{mark}"

    def name(self) -> str:
        """Return a name that nothing else has."""
        return f"{self._mark}-{uuid.uuid4().hex[:8]}"

    def session(self, **fields: Any) -> dict[str, Any]:
        """Create a session."""
        body = {"id": self.name(), "app_name": "smoke", "user_id": self._mark, **fields}
        self.removes(f"/sessions/{body['id']}")
        session: dict[str, Any] = self._service.expect(201, "POST", "/sessions", body)
        return session

    def task(self, **fields: Any) -> dict[str, Any]:
        """Create a task."""
        body = {"id": self.name(), "prompt": "smoke", "created_by": self._mark, **fields}
        self.removes(f"/tasks/{body['id']}")
        task: dict[str, Any] = self._service.expect(201, "POST", "/tasks", body)
        return task

    def memory_body(self, value: Any, **fields: Any) -> dict[str, Any]:
        """Return the body of a write to the memory, under a task of its own unless one is given."""
        body = {"namespace": self.namespace, "key": self.name(), "memory_type": "semantic"}
        body.update(value=value, created_by="agent:smoke", **fields)
        if "task_id" not in body:
            body["task_id"] = self.task()["id"]
        return body

    def memory(self, value: Any, **fields: Any) -> dict[str, Any]:
        """Create a memory; the answer also has the task it was written under."""
        body = self.memory_body(value, **fields)
        created = self._service.expect(201, "POST", "/memory", body)
        return {**created, "task_id": body["task_id"]}

    def removes(self, path: str) -> None:
        """Note that `path` has to be deleted in the end."""
        self._remove.append(path)

    def remove(self) -> None:
        """Delete everything, the newest first; what a test has deleted itself is fine."""
        for path in [f"/namespaces/{self.namespace}", *reversed(self._remove)]:
            answer = self._service.ask("DELETE", path)
            assert answer.status in (200, 404), f"DELETE {path}: {answer.status} {answer.json}"


class Documents:
    """Files in the watched directory, and what has become of them in the index."""

    def __init__(self, on_host: Callable[..., str], service: Service, directory: str) -> None:
        self._on_host = on_host
        self._service = service
        self._directory = directory
        self.written: set[str] = set()

    def write(self, name: str, text: str) -> str:
        """Put a file there, or a new content into it; returns its path."""
        path = f"{self._directory}/{name}.md"
        self.written.add(path)
        self._on_host(WRITE, path, text)
        return path

    def remove(self, *paths: str) -> None:
        """Remove the files and wait until the index has dropped them."""
        self._on_host(REMOVE, *paths)
        for path in paths:
            self._await(path, lambda answer: answer.status == 404)
            self.written.discard(path)

    def indexed(self, path: str, text: str) -> dict[str, Any]:
        """Wait until the index has the file with `text`; returns its document."""
        digest = hashlib.sha256(text.encode()).hexdigest()

        def is_there(answer: Answer) -> bool:
            return answer.status == 200 and (
                answer.json["content_hash"],
                answer.json["sync_status"],
            ) == (digest, "synced")

        document: dict[str, Any] = self._await(path, is_there).json
        return document

    def _await(self, path: str, done: Callable[[Answer], bool]) -> Answer:
        deadline = time.monotonic() + SYNC_DEADLINE
        while True:
            answer = self._service.ask("GET", "/documents/by-path", path=path)
            if done(answer):
                return answer
            assert time.monotonic() < deadline, f"after {SYNC_DEADLINE:g} s: {answer}"
            time.sleep(0.05)
