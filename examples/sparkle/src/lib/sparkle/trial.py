"""The whole application in this process, asked without a network."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import quote, urlencode

from sparkle.service import Service
from sparkle.settings import Settings
from sparkle.web import build


class CheckFailed(Exception):
    """An answer was not what it had to be."""


class Client:
    """Asks the application as a web server would."""

    def __init__(self, service: Service) -> None:
        self._app = build(service)
        self.service = service

    def new_name(self) -> str:
        """Return a name that nothing has, and that tells who made it."""
        return f"selftest-{uuid.uuid4().hex[:12]}"

    def user(self) -> int:
        """Create a user; returns its id."""
        made: int = self.expect(201, "POST", "/users", {"name": self.new_name()})["id"]
        return made

    def ask(self, method: str, path: str, body: Any = None, /, **query: Any) -> tuple[int, Any]:
        """Return the status and the parsed answer."""
        return asyncio.run(self._ask(method, path, body, query))

    def expect(self, status: int, method: str, path: str, body: Any = None, /, **query: Any) -> Any:
        """Return the parsed answer, which must have `status`."""
        got, answer = self.ask(method, path, body, **query)
        if got != status:
            raise CheckFailed(f"{method} {path} answered {got} instead of {status}: {answer}")
        return answer

    async def _ask(
        self, method: str, path: str, body: Any, query: dict[str, Any]
    ) -> tuple[int, Any]:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": quote(path).encode(),
            "query_string": urlencode(query).encode(),
            "headers": [(b"content-type", b"application/json")],
            "root_path": "",
        }
        sent: list[dict[str, Any]] = []
        data = b"" if body is None else json.dumps(body).encode()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": data, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        try:
            await self._app(scope, receive, send)  # type: ignore[arg-type] # plain dicts are messages
        except Exception as error:  # a fault is raised after its answer, for a server's log
            if not sent:
                raise CheckFailed(f"{method} {path}: {type(error).__name__}: {error}") from error
        answer = b"".join(message.get("body", b"") for message in sent)
        return sent[0]["status"], json.loads(answer) if answer else None


@contextmanager
def application(settings: Settings, version: str) -> Iterator[Client]:
    """Return a client of the application."""
    service = Service(settings, version)
    with closing(service):
        yield Client(service)
