"""HAProxy's runtime socket: one command a connection, one bounded answer."""

from __future__ import annotations

import errno
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from ..errors import StepFailed

TIMEOUT = 5.0
"""Seconds for one command from the connection to the last byte of its answer."""

LIMIT = 4 << 20
"""Bytes of one answer: a backend of ten thousand servers stays below it."""

SHOWN = 200

REASONS = {
    errno.ENOENT: "it is not there: is HAProxy running, and is this its `stats socket`?",
    errno.ECONNREFUSED: "nobody listens on it: HAProxy is not running",
    errno.EACCES: "this account may not use it",
}


@dataclass(frozen=True)
class Runtime:
    """One socket; every question is a connection of its own, so that a reload cuts none short."""

    path: Path
    timeout: float = TIMEOUT

    def ask(self, command: str) -> str:
        """The answer to one command, without its blank end. Raises StepFailed when none comes."""
        if "\n" in command or ";" in command:
            raise AssertionError(f"one command at a time: {command!r}")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
                link.settimeout(self.timeout)
                link.connect(str(self.path))
                link.sendall(command.encode() + b"\n")
                raw = receive(link, time.monotonic() + self.timeout)
        except OSError as error:
            reason = REASONS.get(error.errno or 0, str(error) or type(error).__name__)
            raise self.silent(command, reason) from error
        return raw.decode("utf-8", "replace").strip("\n ")

    def order(self, command: str) -> None:
        """Give one command that answers nothing when it was obeyed. Raises StepFailed."""
        said = self.ask(command)
        if said:
            raise StepFailed(
                f"HAProxy refused `{command}`: {printable(said)}",
                now="what it says of the server was not changed by this command",
                untouched="every service and all data",
                next="give the socket `level admin` when it says Permission denied",
            )

    def silent(self, command: str, reason: str) -> StepFailed:
        """The words for a socket that gave no answer."""
        return StepFailed(
            f"HAProxy does not answer `{command}` on {self.path}: {reason}",
            now="nothing more was asked of the door; what it last did is not known",
            untouched="every service and all data",
            next="see that HAProxy runs and has the stats socket of `traffic.socket`, "
            "then run the same command again",
        )


def receive(link: socket.socket, end: float) -> bytes:
    """All bytes until the other side closes; raise OSError when too many or too late."""
    parts: list[bytes] = []
    size = 0
    while True:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError("its answer did not end in time")
        link.settimeout(left)
        chunk = link.recv(65536)
        if not chunk:
            return b"".join(parts)
        size += len(chunk)
        if size > LIMIT:
            raise OSError(f"its answer is longer than {LIMIT} bytes")
        parts.append(chunk)


def printable(text: str) -> str:
    """The first words of an answer, as a terminal may show them."""
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else "?" for c in line)[:SHOWN]
