"""A client of Redis's own protocol (RESP2), as small as the driver needs it.

The standard library has none, and a host has no more than the distribution gave it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Union

from ..errors import StepFailed
from .model import Store
from .password import read_password

CONNECT = 5.0
"""Seconds to connect and to be let in."""

TIMEOUT = 60.0
"""Seconds for one answer, unless the caller knows that it takes longer."""

LARGEST = 512 << 20
"""Bytes that one value of Redis can have; an answer that announces more is none."""

CHUNK = 1 << 20

Word = Union[str, bytes, int]


class RedisError(Exception):
    """The server said no, in its own words."""


class Unreachable(StepFailed):
    """Nobody answers: the server is down, or hung."""


class Client:
    """One connection; commands are words, answers are bytes, numbers, lists or None."""

    def __init__(self, link: socket.socket, place: str, timeout: float = TIMEOUT) -> None:
        self.link = link
        self.place = place
        self.timeout = timeout
        self.buffer = bytearray()

    def call(self, *words: Word) -> Any:
        """The answer to one command. Raises StepFailed with the server's words for a refusal."""
        answer = self.pipeline([words])[0]
        if isinstance(answer, RedisError):
            name = " ".join(str(word) for word in words[:2] if isinstance(word, str))
            raise StepFailed(f"Redis at {self.place} refused {name}: {answer}")
        return answer

    def pipeline(self, commands: Iterable[Sequence[Word]]) -> list[Any]:
        """The answers to many commands in one go; a refusal is a RedisError in its place."""
        listed = list(commands)
        end = time.monotonic() + self.timeout
        try:
            self.link.settimeout(self.timeout)
            self.link.sendall(b"".join(encoded(words) for words in listed))
            return [self.answer(end) for _ in listed]
        except OSError as error:
            raise silent(self.place, str(error) or type(error).__name__) from error

    def answer(self, end: float) -> Any:
        """One answer from the stream."""
        line = self.line(end)
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b"-":
            return RedisError(printable(rest))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.value(int(rest), end)
        if kind == b"*":
            return None if rest == b"-1" else [self.answer(end) for _ in range(int(rest))]
        raise StepFailed(f"what answers at {self.place} is no Redis")

    def line(self, end: float) -> bytes:
        """Bytes up to the next end of a line."""
        found = self.buffer.find(b"\r\n")
        while found < 0:
            start = max(0, len(self.buffer) - 1)
            self.more(end)
            found = self.buffer.find(b"\r\n", start)
        line = bytes(self.buffer[:found])
        del self.buffer[: found + 2]
        return line

    def value(self, size: int, end: float) -> bytes:
        """So many bytes, and the end of the line behind them."""
        if not 0 <= size <= LARGEST:
            raise StepFailed(f"what answers at {self.place} is no Redis")
        while len(self.buffer) < size + 2:
            self.more(end)
        found = bytes(self.buffer[:size])
        del self.buffer[: size + 2]
        return found

    def more(self, end: float) -> None:
        """Read what is there; raise OSError at the end of the time or of the stream."""
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError("its answer did not come in time")
        self.link.settimeout(left)
        chunk = self.link.recv(CHUNK)
        if not chunk:
            raise ConnectionError("it closed the connection")
        self.buffer += chunk


def printable(raw: bytes) -> str:
    """A server's words as a terminal may show them."""
    return "".join(c if c.isprintable() else "?" for c in raw.decode("latin-1"))


def encoded(words: Sequence[Word]) -> bytes:
    """A command as the protocol wants it: nothing in a word can end it."""
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


def silent(place: str, reason: str) -> Unreachable:
    """The words for a server that gives no answer."""
    return Unreachable(
        f"Redis at {place} does not answer: {reason}",
        now="what it last did is not known",
        untouched="every service and all data",
        next="see that Redis runs and listens there, then run the same command again",
    )


def connect(store: Store, name: str, timeout: float = TIMEOUT) -> Client:
    """A connection to a store's server, let in by its password and known by a name.

    Raises Refused for a password file that others can read, Unreachable when nobody answers, and
    StepFailed when the server does not let us in.
    """
    password = read_password(store.password_file)
    try:
        link = dial(store)
    except OSError as error:
        raise silent(store.place, error.strerror or str(error)) from error
    client = Client(link, store.place, timeout)
    try:
        if password is not None:
            client.call("AUTH", password)
        client.call("CLIENT", "SETNAME", name)
    except BaseException:
        link.close()
        raise
    return client


def dial(store: Store) -> socket.socket:
    """A socket to the server."""
    if store.socket is None:
        return socket.create_connection((store.address, store.port), CONNECT)
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.settimeout(CONNECT)
        link.connect(str(store.socket))
    except BaseException:
        link.close()
        raise
    return link


@contextmanager
def connected(store: Store, name: str, timeout: float = TIMEOUT) -> Iterator[Client]:
    """A connection for the time of a block."""
    client = connect(store, name, timeout)
    try:
        yield client
    finally:
        client.link.close()
