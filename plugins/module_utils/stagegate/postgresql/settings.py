"""What belongs to a database itself, and is in neither its files nor a dump of it."""

from __future__ import annotations

from .client import Connection, do, listed, literal, named, value
from .databases import MARK, Database, make_copy, make_empty, read_database, roles
from .model import Store

COMMENT = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"


def create_empty(connection: Connection, store: Store, name: str, like: Database | None) -> None:
    """Make an empty database, with all that belongs to the other one."""
    make_empty(connection, store, name, like)
    if like is not None:
        copy_settings(connection, like, name)


def create_copy(connection: Connection, name: str, source: str) -> None:
    """Make a database as a copy of one that nobody has open, with all that belongs to it."""
    like = read_database(connection, source)
    make_copy(connection, name, like)
    copy_settings(connection, like, name)


def copy_settings(connection: Connection, like: Database, name: str) -> None:
    """Give a new database what CREATE DATABASE leaves behind; what roles had that are gone is left.

    A closed database is copied as it is when it is open.
    """
    known = {"", *roles(connection)}
    with connection.transaction():
        if like.granted:
            do(connection, named("REVOKE ALL ON DATABASE {} FROM PUBLIC", name))
        for grantee, privilege, grantable in like.granted:
            if grantee in known:
                grant(connection, name, grantee, privilege, grantable)
        for role, config in like.settings:
            for item in config if role in known else ():
                copy_setting(connection, name, role, *item.split("=", 1))
        do(connection, named("ALTER DATABASE {} CONNECTION LIMIT {}", name, literal(like.limit)))
        comment = value(connection, COMMENT, like.name)
        if comment is not None:
            do(connection, named("COMMENT ON DATABASE {} IS {}", name, literal(str(comment))))


def grant(connection: Connection, name: str, grantee: str, privilege: str, grantable: bool) -> None:
    """Grant one privilege on a database; nobody named is everybody."""
    if privilege not in ("CONNECT", "CREATE", "TEMPORARY"):
        return
    who = named("{}", grantee) if grantee else named("PUBLIC")
    option = " WITH GRANT OPTION" if grantable else ""
    do(connection, named(f"GRANT {privilege} ON DATABASE {{}} TO {{}}{option}", name, who))


def copy_setting(connection: Connection, name: str, role: str, key: str, text: str) -> None:
    """Set one setting of a database, or of a role in it, to what the server wrote down.

    The value goes through the transaction's own settings: so a list stays a list.
    """
    if key == ".".join(MARK):
        return
    value(connection, "SELECT set_config(%s, %s, true)", key, text)
    setting = listed("{}", key.split("."), ".")
    if role:
        do(
            connection,
            named("ALTER ROLE {} IN DATABASE {} SET {} FROM CURRENT", role, name, setting),
        )
    else:
        do(connection, named("ALTER DATABASE {} SET {} FROM CURRENT", name, setting))
