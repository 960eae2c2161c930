"""XML-RPC over the private socket of one supervisord."""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from ..errors import StepFailed

TIMEOUT = 10.0
NOT_RUNNING, ALREADY_STARTED, BAD_NAME, ALREADY_ADDED = 70, 60, 10, 90


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a local socket, with a time-out."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self.path = path

    def connect(self) -> None:
        """Connect to the socket's path."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(self.path)


class UnixTransport(xmlrpc.client.Transport):
    """A transport for one socket."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def make_connection(self, host: Any) -> UnixConnection:
        """A fresh connection for each call: the server closes them as it likes."""
        return UnixConnection(self.path)


def call(path: Path, method: str, *arguments: Any, allow: Sequence[int] = ()) -> Any:
    """Call a method of supervisord; None for an allowed fault or when nobody listens.

    Raises StepFailed with its words for any other fault.
    """
    proxy = xmlrpc.client.ServerProxy("http://localhost", transport=UnixTransport(str(path)))
    try:
        return getattr(proxy, method)(*arguments)
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except xmlrpc.client.Fault as fault:
        if fault.faultCode in allow:
            return None
        raise StepFailed(f"supervisord refuses {method}: {fault.faultString}") from fault
    except (OSError, http.client.HTTPException, xmlrpc.client.Error, ExpatError) as error:
        raise StepFailed(f"supervisord does not answer {method}: {error}") from error
