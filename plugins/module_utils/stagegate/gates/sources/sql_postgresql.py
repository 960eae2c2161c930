"""Engine ``postgresql`` of the source ``sql``: one value from one read-only statement.

Each look is a process of its own. So the account that the server knows us by is that process's
alone, and a driver that hangs is killed at the deadline with it.
"""

from __future__ import annotations

import inspect
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import Refused
from ...postgresql.session import application_name
from ...redis.password import read_password
from ..fields import Fields
from ..model import SourceFault
from . import sql_postgresql_program
from .process import read_output

SOCKET = "/var/run/postgresql"
STEP = "gate"


@dataclass(frozen=True)
class Server:
    """Where a database is, and as whom it is asked: over its socket as the account ``user`` (peer
    authentication), or with the password that a file of root's holds."""

    database: str
    user: str
    host: str
    port: int
    password_file: str

    @property
    def name(self) -> str:
        """The database as a report shows it."""
        return f"postgresql://{self.host}:{self.port}/{self.database}"

    @property
    def account(self) -> str:
        """The account that connects; empty where a password says who it is."""
        return self.user if self.host.startswith("/") and not self.password_file else ""


def server_from(fields: Fields) -> Server:
    """Read what a user wrote."""
    server = Server(
        database=fields.text("database"),
        user=fields.text("user"),
        host=fields.text("host", SOCKET),
        port=fields.whole("port", 5432, least=1),
        password_file=fields.text("password_file", ""),
    )
    if not server.host.startswith("/") and not server.password_file:
        fields.problem("password_file", "is missing: over the network a password is needed")
    return server


def read_postgresql(
    server: Server, run: str, query: str, parameters: Mapping[str, Any], deadline: float
) -> list[list[object]]:
    """The first two rows that a query gives, in a session that cannot write.

    Raises SourceFault for everything that the server or the driver says against it.
    """
    order = {
        "connect": {
            "dbname": server.database,
            "user": server.user,
            "host": server.host,
            "port": server.port,
            "application_name": application_name(run or "gates", STEP),
            "connect_timeout": max(2, math.ceil(deadline)),
            "options": options(deadline),
            **password_of(server),
        },
        "account": server.account,
        "query": query,
        "parameters": dict(parameters),
    }
    program = inspect.getsource(sql_postgresql_program)
    said = read_output(
        [sys.executable, "-I", "-c", program],
        deadline=deadline,
        given=json.dumps(order).encode(),
    )
    answer = json.loads(said)
    if "error" in answer:
        raise SourceFault(f"the query failed: {answer['error']}")
    rows: list[list[object]] = answer["rows"]
    return rows


def options(deadline: float) -> str:
    """The settings a session begins with: it cannot write, and no wait outlives the look."""
    milliseconds = max(1, int(deadline * 1000))
    settings = {
        "default_transaction_read_only": "on",
        "statement_timeout": milliseconds,
        "lock_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
    }
    return " ".join(f"-c {key}={value}" for key, value in settings.items())


def password_of(server: Server) -> dict[str, str]:
    """The password as an argument of connecting; none where the account is known."""
    if not server.password_file:
        return {}
    try:
        line = read_password(Path(server.password_file))
    except Refused as refused:
        raise SourceFault(refused.what) from refused
    return {"password": (line or b"").decode("utf-8", "surrogateescape")}
