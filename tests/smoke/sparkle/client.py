"""What the smoke tests speak with: the service, and the data that they make in it."""

from __future__ import annotations

import http.client
import json
import statistics
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

WRITTEN_WITHIN = 5.0
SAMPLES = 15
TOOLS = ("planner", "quiz", "debugger")


@dataclass(frozen=True)
class Answer:
    """What the service said, and how long it took from the question to the end of the answer."""

    status: int
    text: str
    seconds: float

    @property
    def json(self) -> Any:
        """The answer as it is meant."""
        return json.loads(self.text)

    @property
    def good(self) -> Answer:
        """The answer, which must not be a refusal."""
        assert self.status < 300, f"{self.status} {self.text}"
        return self


class Service:
    """Asks the service over one open connection; one after the other."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)

    def ask(self, method: str, path: str, body: Any = None, /, **query: Any) -> Answer:
        """Ask; `body` is sent as JSON."""
        target = quote(path) + ("?" + urlencode(query, doseq=True) if query else "")
        data = None if body is None else json.dumps(body).encode()
        start = time.perf_counter()
        self._connection.request(method, target, data, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        text = response.read().decode()
        return Answer(response.status, text, time.perf_counter() - start)

    def expect(self, status: int, method: str, path: str, body: Any = None, /, **query: Any) -> Any:
        """Ask, and return the answer's JSON; its status must be `status`."""
        answer = self.ask(method, path, body, **query)
        assert answer.status == status, f"{method} {path}: {answer.status} {answer.text}"
        return answer.json

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def usual_seconds(answers: Iterable[Answer]) -> float:
    """Return the median time of answers, which must all be good.

    Half of them have to be in time: a machine that is busy for a moment is forgiven, a service that
    is slow is not.
    """
    return statistics.median(answer.good.seconds for answer in answers)


def usual_difference(pairs: Iterable[tuple[Answer, Answer]]) -> float:
    """Return by how much the second answer of a pair usually takes longer than the first.

    Both are asked in the same moment, so what the machine and the way to it cost is in both.
    """
    return statistics.median(more.seconds - less.seconds for less, more in pairs)


def eventually(look: Callable[[], Any]) -> Any:
    """Return the first answer of `look` that is not empty; what is written behind comes later."""
    deadline = time.monotonic() + WRITTEN_WITHIN
    while not (found := look()):
        assert time.monotonic() < deadline, f"nothing came within {WRITTEN_WITHIN:g} s"
        time.sleep(0.02)
    return found


class Data:
    """Makes what the tests need, and takes it away again where the release has a way to.

    All of it hangs on users and messages whose names begin with `smoke-`; what a user did goes with
    the user. Tests that only need somebody who asks share one user each; they are made when the
    first test wants them.
    """

    def __init__(self, service: Service, removable: frozenset[str]) -> None:
        self._service = service
        self._removable = removable
        self._made: list[tuple[str, str]] = []

    def name(self) -> str:
        """Return a name that nothing else has."""
        return f"smoke-{uuid.uuid4().hex[:16]}"

    @cached_property
    def somebody(self) -> int:
        """A user of whom nothing is expected."""
        return self.user()

    @cached_property
    def regular(self) -> int:
        """A user who has used some tools."""
        user = self.user()
        for tool in TOOLS:
            self.executions(user, tool, True, False, True)
        return user

    def user(self) -> int:
        """Create a user without a history; returns its id."""
        made: int = self._service.expect(201, "POST", "/users", {"name": self.name()})["id"]
        self._made.append(("/users/{user_id}", f"/users/{made}"))
        return made

    def message(self, **fields: Any) -> dict[str, Any]:
        """Write a message; returns what was sent."""
        body = {"key": self.name(), "text": "smoke", **fields}
        self._made.append(("/messages/{key}", f"/messages/{body['key']}"))
        self._service.expect(201, "POST", "/messages", body)
        return body

    def executions(self, user: int, tool: str, *successes: bool, **fields: Any) -> list[int]:
        """Record executions of a tool, and wait until each is written; returns their ids."""
        body = {"user_id": user, "tool_name": tool, "execution_time_ms": 20, **fields}
        return [
            self._service.expect(201, "POST", "/history", {**body, "success": it}, durable=True)[
                "id"
            ]
            for it in successes
        ]

    def remove(self) -> None:
        """Delete everything that can be deleted, the newest first, and see that all of it is gone.

        What cannot be deleted keeps nothing else from being deleted.
        """
        made = [path for route, path in reversed(self._made) if route in self._removable]
        left = {path: told for path in made if (told := self._left(path))}
        assert not left, f"the tests left behind what they made: {left}"

    def _left(self, path: str) -> str:
        deleted = self._service.ask("DELETE", path)
        if self._service.ask("GET", path).status == 404:
            return ""
        return f"{deleted.status} {deleted.text}"
