"""One bounded GET: no redirects, no proxy, no page of errors taken for an answer."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn
from urllib.parse import urlsplit

from ..model import SourceFault, TooLate

LIMIT = 8 << 20
"""Bytes that an answer may have; a source that says more is broken."""


@dataclass(frozen=True)
class Answer:
    """What a server said, whole, within the deadline."""

    status: int
    content_type: str
    body: bytes


def connect(url: str, deadline: float) -> http.client.HTTPConnection:
    """A connection to the url's host and port, not yet open. Environment proxies are not used."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=deadline)


def target_of(url: str) -> str:
    """The path and query of a url."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def read_answer(url: str, deadline: float, accept: str) -> Answer:
    """GET a url, whole, within the deadline. Raises SourceFault when that fails for any reason.

    The socket's own time-out bounds each read only, and a server may send a byte now and then for
    ever, so a timer closes the connection.
    """
    end = time.monotonic() + deadline
    connection = connect(url, deadline)
    try:
        connection.connect()
        with closing_at(connection.sock, end) as expired:
            connection.request(
                "GET", target_of(url), headers={"Accept": accept, "Connection": "close"}
            )
            response = connection.getresponse()
            body = response.read(LIMIT + 1)
        missing = response.length or 0  # read(n) does not mind an answer that ends too early
        if expired.is_set():
            raise TooLate(f"no whole answer within {deadline:g} s")
    except (OSError, http.client.HTTPException) as error:
        if time.monotonic() >= end:
            raise TooLate(f"no whole answer within {deadline:g} s") from error
        raise SourceFault(spoken(error)) from error
    finally:
        connection.close()
    if len(body) > LIMIT:
        raise SourceFault(f"the answer is longer than {LIMIT} bytes")
    if missing:
        raise SourceFault(f"no answer: it ended {missing} bytes too early")
    kind = response.headers.get_content_type()
    return Answer(response.status, kind, body)


@contextlib.contextmanager
def closing_at(sock: socket.socket, end: float) -> Iterator[threading.Event]:
    """Cut the connection when the deadline comes first; the event tells that it did."""
    expired = threading.Event()

    def cut() -> None:
        expired.set()
        with contextlib.suppress(OSError):  # the other side was faster
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, end - time.monotonic()), cut)
    timer.daemon = True
    timer.start()
    try:
        yield expired
    finally:
        timer.cancel()


def spoken(error: Exception) -> str:
    """An error's own words, or its name when it has none."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"no answer: {text or type(error).__name__}"


def require_ok(answer: Answer, content_type: str) -> None:
    """Raise SourceFault unless the answer is a 200 of the right type."""
    if 300 <= answer.status < 400:
        raise SourceFault(f"redirected (HTTP {answer.status}); redirects are not followed")
    if answer.status != 200:
        raise SourceFault(f"HTTP {answer.status}")
    if answer.content_type != content_type:
        raise SourceFault(f"the answer is {answer.content_type}, not {content_type}")
    if not answer.body.strip():
        raise SourceFault("the answer is empty")


def refuse_constant(word: str) -> NoReturn:
    """JSON has no NaN and no infinities, whatever Python's parser thinks."""
    raise ValueError(f"{word} is not JSON")


def read_json_object(url: str, deadline: float) -> dict[str, Any]:
    """GET a JSON object. Raises SourceFault for anything else."""
    answer = read_answer(url, deadline, "application/json")
    require_ok(answer, "application/json")
    try:
        document = json.loads(answer.body, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise SourceFault(f"the answer is not JSON: {error!s:.80}") from error
    if not isinstance(document, dict):
        raise SourceFault(f"the answer is a {type(document).__name__}, not an object")
    return document


@lru_cache(maxsize=256)
def steps_of(path: str) -> tuple[str, ...]:
    """The steps of a dotted path."""
    return tuple(path.split("."))


def dig(document: object, path: str) -> object:
    """The value at a dotted path of keys and positions. Raises SourceFault when there is none."""
    found = document
    for step in steps_of(path):
        if isinstance(found, dict) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            raise SourceFault(f"nothing at {path}")
    return found
