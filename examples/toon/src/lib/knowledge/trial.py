"""This release's API as a child process, and a client that asks it."""

from __future__ import annotations

import http.client
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

STOPS_WITHIN = 5.0
ADDRESS = re.compile(r"listens on http://([\d.]+):(\d+)")


class CheckFailed(Exception):
    """A check's answer was not what it had to be."""


class Client:
    """Asks the API; every answer must come before the deadline."""

    def __init__(self, host: str, port: int, deadline: float) -> None:
        self._address = (host, port)
        self._deadline = deadline

    def ask(
        self, method: str, path: str, body: Any = None, /, **query: str | int
    ) -> tuple[int, Any]:
        """Return the status and the parsed answer."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise CheckFailed("the deadline has passed")
        connection = http.client.HTTPConnection(*self._address, timeout=min(10.0, left))
        with closing(connection):
            target = quote(path) + ("?" + urlencode(query) if query else "")
            connection.request(method, target, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def expect(
        self, status: int, method: str, path: str, body: Any = None, /, **query: str | int
    ) -> Any:
        """Return the parsed answer, which must have `status`."""
        got, answer = self.ask(method, path, body, **query)
        if got != status:
            raise CheckFailed(f"{method} {path} answered {got} instead of {status}: {answer}")
        return answer


@contextmanager
def running_api(root: Path, deadline: float) -> Iterator[Client]:
    """Start this release's API on a free port; at the end it must stop by itself, with status 0."""
    environment = {**os.environ, "TOON_LISTEN": "127.0.0.1:0", "TOON_LOG": os.devnull}
    command = [sys.executable, str(root / "bin" / "toon-api")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            host, port = _address(process, deadline)
            client = Client(host, port, deadline)
            _await_answer(client, deadline)
            yield client
            process.send_signal(signal.SIGTERM)
            if process.wait(STOPS_WITHIN) != 0:
                raise CheckFailed(f"the API stopped with status {process.returncode}")
        except subprocess.TimeoutExpired as error:
            raise CheckFailed(f"the API did not stop within {STOPS_WITHIN:g} s") from error
        finally:
            process.kill()


def _address(process: subprocess.Popen[str], deadline: float) -> tuple[str, int]:
    assert process.stdout is not None  # noqa: S101 - asked for above
    ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
    found = ADDRESS.search(process.stdout.readline()) if ready else None
    if found is None:
        raise CheckFailed("the API did not start")
    return found[1], int(found[2])


def _await_answer(client: Client, deadline: float) -> None:
    # The port is bound before the server listens on it; until then a connection is refused.
    while time.monotonic() < deadline:
        try:
            client.ask("GET", "/health")
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise CheckFailed("the API did not answer")
