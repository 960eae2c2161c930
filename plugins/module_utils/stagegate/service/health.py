"""What a service answers about itself, and whether that answer is good."""

from __future__ import annotations

import http.client
import json
import socket
import time
from dataclasses import dataclass

from .model import CONTROL, Health

LIMIT = 64 << 10
"""Bytes of an answer that are read."""

TIMEOUT = 2.0
"""Seconds that one answer may take, from the connection to its last byte."""

GOOD = ("ok", "healthy", "pass", "passing", "up", "green")
"""What a key ``status`` in the answer may say, where there is one."""


@dataclass(frozen=True)
class Answer:
    """One answer; ``fault`` is empty for a good one, else it says what is wrong in words.

    ``reached`` is false when there was nobody to ask.
    """

    version: str = ""
    instance: str = ""
    fault: str = ""
    reached: bool = True

    @property
    def good(self) -> bool:
        """True when the service says that it works and what it is."""
        return not self.fault


@dataclass(frozen=True)
class Reply:
    """An HTTP response as it came."""

    status: int
    kind: str
    location: str
    body: bytes


def ask(health: Health) -> Answer:
    """Ask a service once; never raises for what a service can do."""
    connection = http.client.HTTPConnection(health.host, health.port, timeout=TIMEOUT)
    deadline = time.monotonic() + TIMEOUT
    try:
        connection.connect()
    except OSError as error:
        return Answer(fault=trouble(error), reached=False)
    try:
        return judge(fetch(connection, health.path, deadline), health)
    except (OSError, http.client.HTTPException) as error:
        return Answer(fault=trouble(error))
    finally:
        connection.close()


def trouble(error: Exception) -> str:
    """Why there was no answer, in words."""
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, (socket.timeout, TimeoutError)):
        return f"no whole answer within {TIMEOUT:g} s"
    return f"{type(error).__name__}: {error}"


def fetch(connection: http.client.HTTPConnection, path: str, deadline: float) -> Reply:
    """One GET, without proxies, redirects or patience beyond a monotonic deadline."""
    connection.request("GET", path, headers={"Connection": "close"})
    response = connection.getresponse()
    body = b""
    while len(body) < LIMIT:
        part = response.read1(LIMIT - len(body))
        if not part:
            break
        body += part
        # Each read may take the whole time-out: a service that drips bytes must not.
        if time.monotonic() > deadline:
            raise TimeoutError
    kind = response.headers.get("Content-Type") or ""
    return Reply(response.status, kind, response.headers.get("Location") or "", body)


def judge(reply: Reply, health: Health) -> Answer:
    """Tell a good answer from the many that only look like one."""
    if 300 <= reply.status < 400:
        return Answer(fault=f"it redirects to {show(reply.location)}")
    value = parse(reply.body)
    version, instance = identity(value, health)
    if reply.status != 200:
        return Answer(version, instance, f"HTTP {reply.status}: {show(reply.body)}")
    if value is None:
        what = "HTML" if "html" in reply.kind.lower() else "something that is no JSON object"
        return Answer(fault=f"HTTP 200 with {what}: {show(reply.body)}")
    status = value.get("status", GOOD[0])
    if not isinstance(status, str) or status.lower() not in GOOD:
        return Answer(version, instance, f"HTTP 200, but its status is {show(status)}")
    for key, found in ((health.version_field, version), (health.instance_field, instance)):
        if not found:
            return Answer(version, instance, f"its answer has no {key}: {show(reply.body)}")
    return Answer(version, instance)


def parse(body: bytes) -> dict[str, object] | None:
    """The JSON object of an answer, or None."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def identity(value: dict[str, object] | None, health: Health) -> tuple[str, str]:
    """Version and instance as texts; empty where they are missing or of another type."""
    found = value or {}
    version, instance = found.get(health.version_field), found.get(health.instance_field)
    return (
        show(version) if isinstance(version, str) else "",
        show(instance) if isinstance(instance, (str, int)) else "",
    )


def show(value: object, limit: int = 200) -> str:
    """A stranger's text, short and without control characters."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return CONTROL.sub(" ", text)[:limit]
