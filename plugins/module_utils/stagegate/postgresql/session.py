"""Sessions with a name, a bound on every wait, and no way to outlive their run unseen.

Whoever connects is known by the account it runs as (peer authentication over the local socket; no
password exists). A module runs as root, so the account is taken for the moment of connecting: the
kernel tells the server who called ``connect``, and later statements ask nobody again. Without root,
as in a test, the current account connects under the role's name, and the server decides.

A session is called ``stagegate/<run id>/<step>``. One that still lives when its process is gone (a
server works on after a SIGKILL of its client) is an orphan: it is found by that name and ended
before anything is decided.
"""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Iterator, Mapping
from typing import Any

from .. import places
from ..errors import Refused, StepFailed
from ..journal import Run
from .client import Connection, library, reason, rows, told, value
from .model import Store

APPLICATION = "stagegate"
NAME_LIMIT = 63
"""Bytes that PostgreSQL keeps of an application's name, as of any name (NAMEDATALEN - 1)."""

CONNECT_SECONDS = 10
CHECK_CLIENT = "2s"
"""How soon the server notices, in a long statement, that its client is gone."""

END_SECONDS = 10
EXACT = {
    "search_path": "pg_catalog",
    "client_encoding": "UTF8",
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
}
"""Settings that decide how a value is written; equal rows must read the same in every session. With
this search path no function or operator of the database's users can take a built-in one's place."""


def connect(
    store: Store | Mapping[str, Any],
    database: str,
    *,
    run: Run | str,
    step: str,
    user: str = "admin",
    autocommit: bool = True,
    deadline: float | None = None,
) -> Connection:
    """A session of this run on one database; close it.

    ``store`` may be the noun as it was declared, ``run`` the run's id. ``user`` is ``admin`` or
    ``owner``. A statement ends after the store's ``statement_timeout``, or after ``deadline``
    seconds where the work grows with the data; the same bounds a transaction that does nothing.
    Raises StepFailed with the server's words, Refused when psycopg or the account is missing.
    """
    store = store if isinstance(store, Store) else Store.from_params(store)
    role = store.admin if user == "admin" else store.owner
    psycopg = library()
    try:
        with acting_as(role):
            made: Connection = psycopg.connect(
                dbname=database,
                host=store.socket,
                port=store.port,
                user=role,
                connect_timeout=CONNECT_SECONDS,
                application_name=application_name(run, step),
                options=options(store, user, deadline),
                autocommit=autocommit,
            )
    except psycopg.Error as error:
        raise StepFailed(
            f"stores.{store.name}: no session on the database {database} at "
            f"{store.socket}:{store.port} as {role}: {reason(error)}",
            now="nothing was changed by this session",
            untouched="the data",
            next="see that the server runs and knows this account (pg_hba.conf: local ... peer)",
        ) from error
    return made


@contextlib.contextmanager
def acting_as(account: str) -> Iterator[None]:
    """Be another account for the moment of connecting; only root can, others stay what they are."""
    if os.geteuid() != 0:
        yield
        return
    try:
        entry = pwd.getpwnam(account)
    except KeyError as error:
        raise Refused(
            f"the account {account} does not exist on this host",
            now="nothing was changed",
            untouched="every service and all data",
            next="create it, or correct stores[].owner and stores[].admin",
        ) from error
    os.seteuid(entry.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


def options(store: Store, user: str, deadline: float | None) -> str:
    """The settings a session begins with, as libpq's ``options``."""
    statement = max(1, int(store.statement_timeout if deadline is None else deadline))
    settings = {
        "lock_timeout": f"{store.lock_timeout}s",
        "statement_timeout": f"{statement}s",
        "idle_in_transaction_session_timeout": f"{max(statement, store.statement_timeout)}s",
        "client_connection_check_interval": CHECK_CLIENT,
        **(EXACT if user == "admin" else {}),
    }
    return " ".join(
        f"-c {key}={text.replace(' ', chr(92) + ' ')}" for key, text in settings.items()
    )


def application_name(run: Run | str, step: str) -> str:
    """How a session of a run's step is called; cut to what the server keeps."""
    return f"{prefix(run)}{step}"[:NAME_LIMIT]


def prefix(run: Run | str) -> str:
    """How the names of all sessions of a run begin."""
    return f"{APPLICATION}/{run if isinstance(run, str) else run.id}/"[:NAME_LIMIT]


def url(store: Store | Mapping[str, Any], database: str) -> str:
    """The URL of a database on this host, for a program that runs as an account of its own."""
    store = store if isinstance(store, Store) else Store.from_params(store)
    return places.url({"socket": store.socket, "port": store.port}, database)


def orphans(connection: Connection, run_id: str) -> list[dict[str, Any]]:
    """Every other session of a run, on all databases: pid, name, database, what it is doing.

    The host's step lock is held while a step runs, so that nobody else can own one of them.
    """
    found = rows(
        connection,
        "SELECT pid, application_name, datname, state, coalesce(extract(epoch FROM now() - "
        "xact_start), 0)::int FROM pg_stat_activity WHERE starts_with(application_name, %s) "
        "AND pid <> pg_backend_pid() ORDER BY pid",
        prefix(run_id),
    )
    keys = ("pid", "application_name", "database", "state", "seconds")
    return [dict(zip(keys, row)) for row in found]


def end_orphans(connection: Connection, run_id: str) -> list[dict[str, Any]]:
    """End every orphan of a run and wait until each is gone; return what they were."""
    found = orphans(connection, run_id)
    end_sessions(connection, [orphan["pid"] for orphan in found])
    left = orphans(connection, run_id) if found else []
    if left:
        raise StepFailed(
            f"sessions of run {run_id} do not end: {', '.join(str(o['pid']) for o in left)}",
            now="they may still be working on the database",
            untouched="this step was not begun",
            next="see pg_stat_activity, then run the same command again",
        )
    return found


def end_sessions(connection: Connection, pids: list[int]) -> None:
    """Ask the server to end sessions, and to answer when each is gone; a bounded wait."""
    with told("sessions cannot be ended"):
        for pid in pids:
            value(connection, "SELECT pg_terminate_backend(%s, %s)", pid, END_SECONDS * 1000)
