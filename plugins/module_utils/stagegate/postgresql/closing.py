"""A database closed to everybody but this run, and opened again exactly as it was.

How it was (the limit of sessions, who may connect) is kept as a setting of the database itself, in
the transaction that closes it. So the closing survives every crash with its way back, whoever comes
next, and goes along when the database is renamed.

::

    close           nobody may connect but a superuser; everybody who was there is gone
    admit_owner     the owner may connect, for a migration; nobody else may
    reopen          as it was

That nobody is left is not read from a list of sessions, in which one that is just arriving does not
stand yet. The server says it itself: it renames a database only when nobody else has it open. The
rename is rolled back.
"""

from __future__ import annotations

import json
from typing import Any

from ..errors import StepFailed
from .client import Connection, do, library, literal, named, rows
from .databases import MARK, Database, read_database, roles
from .session import end_sessions
from .settings import grant

TRIES = 5


def close(connection: Connection, name: str, run: str) -> dict[str, Any]:
    """Close a database and prove that nobody has it open; return its mark and whom that ended.

    One that is closed already keeps its first mark. Raises StepFailed when somebody cannot be
    ended; the database stays closed then.
    """
    database = read_database(connection, name)
    mark = database.mark or {
        "run": run,
        "limit": database.limit,
        "connect": [[who, option] for who, what, option in database.acl if what == "CONNECT"],
        "default": not database.acl,
    }
    with connection.transaction():
        set_mark(connection, name, mark)
        limit_sessions(connection, name, 0)
    return {"mark": mark, "ended": prove_alone(connection, name)}


def set_mark(connection: Connection, name: str, mark: dict[str, Any]) -> None:
    """Write down how a database was."""
    text = literal(json.dumps(mark, sort_keys=True))
    do(connection, named("ALTER DATABASE {} SET {}.{} TO {}", name, *MARK, text))


def prove_alone(connection: Connection, name: str) -> list[dict[str, Any]]:
    """End every session on a database until the server itself says that there is none."""
    ended: list[dict[str, Any]] = []
    for _ in range(TRIES):
        found = sessions_on(connection, name)
        end_sessions(connection, [session["pid"] for session in found])
        ended += found
        if is_alone(connection, name):
            return ended
        if prepared := prepared_on(connection, name):
            raise occupied(name, f"prepared transactions are open: {', '.join(prepared)}")
    raise occupied(name, "; ".join(in_words(each) for each in sessions_on(connection, name)))


def prepared_on(connection: Connection, name: str) -> list[str]:
    """Transactions that nobody's session holds, and that hold the database all the same."""
    query = "SELECT gid FROM pg_prepared_xacts WHERE database = %s ORDER BY prepared"
    return [str(row[0]) for row in rows(connection, query, name)]


def occupied(name: str, reason: str) -> StepFailed:
    """The words for a database that somebody keeps."""
    return StepFailed(
        f"the database {name} does not become free: {reason}",
        now=f"{name} takes no new sessions",
        untouched="its data",
        next="end what holds it (pg_stat_activity, pg_prepared_xacts), then run this again",
    )


def is_alone(connection: Connection, name: str) -> bool:
    """True when the server would rename the database: nobody has it open, nobody is arriving."""
    errors = library().errors
    try:
        with connection.transaction(force_rollback=True):
            do(connection, named("ALTER DATABASE {} RENAME TO {}", name, f"{name[:40]}_is_free"))
    except (errors.ObjectInUse, errors.LockNotAvailable):
        return False
    return True


def sessions_on(connection: Connection, name: str) -> list[dict[str, Any]]:
    """Who has a database open: pid, program, role, address and state of each."""
    found = rows(
        connection,
        "SELECT pid, application_name, usename, coalesce(host(client_addr), 'local'), state "
        "FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid() "
        "AND backend_type NOT LIKE 'autovacuum%%' ORDER BY pid",
        name,
    )
    keys = ("pid", "application_name", "role", "address", "state")
    return [dict(zip(keys, row)) for row in found]


def in_words(session: dict[str, Any]) -> str:
    """Who has a database open, for one line."""
    return (
        f"pid {session['pid']} {session['application_name'] or 'without a name'} "
        f"({session['role']} from {session['address']})"
    )


def admit_owner(connection: Connection, name: str, owner: str) -> None:
    """Let the owner of the schema in, and nobody else, until the database is closed or opened."""
    database = read_database(connection, name)
    if database.mark is None:
        raise StepFailed(f"the database {name} is not closed", untouched="its data")
    with connection.transaction():
        revoke_connect(connection, database)
        if owner != database.owner:
            grant(connection, name, owner, "CONNECT", grantable=False)
        limit_sessions(connection, name, database.limit)


def revoke_connect(connection: Connection, database: Database) -> None:
    """Take the right to connect from everybody but the database's own owner."""
    do(connection, named("REVOKE CONNECT ON DATABASE {} FROM PUBLIC", database.name))
    for who, privilege, _ in database.acl:
        if privilege == "CONNECT" and who not in ("", database.owner):
            revoke = named("REVOKE CONNECT ON DATABASE {} FROM {} CASCADE", database.name, who)
            do(connection, revoke)


def limit_sessions(connection: Connection, name: str, limit: int) -> None:
    """Say how many sessions a database takes; superusers are never counted out."""
    do(connection, named("ALTER DATABASE {} CONNECTION LIMIT {}", name, literal(limit)))


def reopen(connection: Connection, name: str) -> bool:
    """Open a closed database as it was; tell whether it was closed."""
    database = read_database(connection, name)
    if database.mark is None:
        return False
    known = {"", *roles(connection)}
    was = database.mark["connect"] or ([["", False]] if database.mark["default"] else [])
    with connection.transaction():
        revoke_connect(connection, database)
        for who, option in was:
            if who in known:
                grant(connection, name, who, "CONNECT", grantable=option)
        limit_sessions(connection, name, database.limit)
        do(connection, named("ALTER DATABASE {} RESET {}.{}", name, *MARK))
    return True
