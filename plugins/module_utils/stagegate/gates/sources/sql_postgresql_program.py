"""One read-only query, asked in a process of its own. Shares nothing with the core.

This text is given to an interpreter (``python -I -c``). The order comes on standard input, so that
no password is ever among the arguments; the answer is one JSON object on standard output.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any


def ask(order: dict[str, Any]) -> dict[str, Any]:
    """The first two rows of the query. As a prepared statement it can only be a single one."""
    try:
        import psycopg
    except ImportError:
        return {"error": "the Python package psycopg is missing: apt install python3-psycopg"}
    try:
        with acting_as(order["account"]):
            made = psycopg.connect(**order["connect"])
        with made as connection:
            connection.read_only = True
            cursor = connection.execute(order["query"], order["parameters"] or None, prepare=True)
            if cursor.description is None:
                return {"error": "it gives no rows"}
            rows = cursor.fetchmany(2)
            connection.rollback()
    except psycopg.Error as error:
        return {"error": first_line(error)}
    except KeyError:
        return {"error": f"the account {order['account']} does not exist on this host"}
    return {"rows": [[plain(value) for value in row] for row in rows]}


@contextlib.contextmanager
def acting_as(account: str) -> Iterator[None]:
    """Be the account while connecting, so that the server knows us by it; only root can."""
    if not account or os.geteuid() != 0:
        yield
        return
    os.seteuid(pwd.getpwnam(account).pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


def first_line(error: Exception) -> str:
    """What the server or the driver said; the lines after the first may show data."""
    said = getattr(getattr(error, "diag", None), "message_primary", None) or str(error)
    return (said.strip().splitlines() or [type(error).__name__])[0]


def plain(value: Any) -> Any:
    """Numbers, truth values and null as they are; everything else as a text that is no number."""
    if isinstance(value, Decimal):
        return float(value)
    return value if value is None or isinstance(value, (bool, int, float)) else repr(value)[:40]


if __name__ == "__main__":
    json.dump(ask(json.load(sys.stdin)), sys.stdout)
