"""The databases of the server beside each other: asked for, made, renamed and dropped by name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import StepFailed
from .client import Connection, do, listed, literal, named, rows, told, value
from .model import Store

ADMIN_DATABASE = "postgres"
"""Where a session stands that makes, renames or drops another database."""

MARK = ("stagegate", "closed")
"""The setting in which a closed database keeps how it was before; see ``closing``."""

LARGE = 256 << 20
OURS = re.compile(r"_(drill|gen|old|failed|check)_[a-z0-9]+$")


@dataclass(frozen=True)
class Database:
    """One database as ``pg_database`` describes it; ``facts`` is the whole row.

    ``acl`` has (grantee or "" for everybody, privilege, may be passed on), ``settings`` (role or
    "", its settings).
    """

    name: str
    facts: dict[str, Any]
    tablespace: str
    acl: tuple[tuple[str, str, bool], ...]
    settings: tuple[tuple[str, tuple[str, ...]], ...]
    bytes: int

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Database:
        """A database as it was written into a manifest."""
        return cls(
            name=str(kept["name"]),
            facts=dict(kept["facts"]),
            tablespace=str(kept["tablespace"]),
            acl=tuple((str(g), str(p), bool(o)) for g, p, o in kept["acl"]),
            settings=tuple((str(role), tuple(config)) for role, config in kept["settings"]),
            bytes=int(kept["bytes"]),
        )

    @property
    def mark(self) -> dict[str, Any] | None:
        """Of a closed database the run that closed it and how it was; None of an open one."""
        for role, config in self.settings:
            for item in config:
                key, _, text = item.partition("=")
                if not role and key == ".".join(MARK):
                    return dict(json.loads(text))
        return None

    @property
    def limit(self) -> int:
        """How many sessions it takes when it is open; -1 is any number."""
        return int((self.mark or {}).get("limit", self.facts["datconnlimit"]))


def existing(connection: Connection, names: list[str]) -> set[str]:
    """Those of the names that are databases."""
    found = rows(connection, "SELECT datname FROM pg_database WHERE datname = ANY(%s)", names)
    return {str(row[0]) for row in found}


def exists(connection: Connection, name: str) -> bool:
    """True when there is such a database."""
    return bool(existing(connection, [name]))


def read_database(connection: Connection, name: str) -> Database:
    """A database with what is granted on it and set for it. Raises StepFailed when it is gone."""
    found = rows(
        connection,
        "SELECT to_jsonb(d) - 'datacl', t.spcname, pg_database_size(d.oid) FROM pg_database d "
        "JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE datname = %s",
        name,
    )
    if not found:
        raise StepFailed(
            f"there is no database {name}",
            now="nothing was changed by this question",
            untouched="all other databases",
            next="find out who renamed or dropped it; the ledger says what was there",
        )
    facts, tablespace, size = found[0]
    granted = rows(
        connection,
        "SELECT coalesce(r.rolname, ''), a.privilege_type, a.is_grantable FROM pg_database d, "
        "aclexplode(d.datacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee "
        "WHERE d.datname = %s ORDER BY 1, 2",
        name,
    )
    settings = rows(
        connection,
        "SELECT coalesce(r.rolname, ''), s.setconfig FROM pg_db_role_setting s "
        "JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole "
        "WHERE d.datname = %s ORDER BY 1",
        name,
    )
    return Database(
        name=name,
        facts=dict(facts),
        tablespace=str(tablespace),
        acl=tuple((str(g), str(p), bool(o)) for g, p, o in granted),
        settings=tuple((str(role), tuple(config)) for role, config in settings),
        bytes=int(size),
    )


def create_empty(connection: Connection, store: Store, name: str, like: Database | None) -> None:
    """Make an empty database of the owner's, with the other one's encoding, locale and settings."""
    parts = [named("CREATE DATABASE {} OWNER {} TEMPLATE template0", name, store.owner)]
    if like is not None:
        parts += [
            named(f"{key} {{}}", literal(text)) for key, text in locale_of(like.facts).items()
        ]
        parts.append(named("TABLESPACE {}", like.tablespace))
    do(connection, named(" ".join("{}" for _ in parts), *parts))
    if like is not None:
        copy_settings(connection, like, name)


def locale_of(facts: dict[str, Any]) -> dict[str, str | int]:
    """How a database writes and sorts text, in the words of CREATE DATABASE."""
    options: dict[str, str | int] = {
        "ENCODING": int(facts["encoding"]),
        "LC_COLLATE": str(facts["datcollate"]),
        "LC_CTYPE": str(facts["datctype"]),
    }
    icu = facts.get("daticulocale") or facts.get("datlocale")
    if facts.get("datlocprovider") == "i" and icu:
        options.update(LOCALE_PROVIDER="icu", ICU_LOCALE=str(icu))
    return options


def create_copy(connection: Connection, store: Store, name: str, source: str) -> None:
    """Make a database as a copy of one that nobody has open, files and all."""
    like = read_database(connection, source)
    statement = named("CREATE DATABASE {} TEMPLATE {} OWNER {}", name, source, store.owner)
    if connection.info.server_version >= 150000 and like.bytes > LARGE:
        # Through the WAL every page would be written twice more.
        statement = named("{} STRATEGY file_copy", statement)
    do(connection, statement)
    copy_settings(connection, like, name)


def copy_settings(connection: Connection, like: Database, name: str) -> None:
    """Give a new database what CREATE DATABASE leaves behind: grants, settings, the limit."""
    with connection.transaction():
        if like.acl:
            do(connection, named("REVOKE ALL ON DATABASE {} FROM PUBLIC", name))
        for grantee, privilege, grantable in like.acl:
            grant(connection, name, grantee, privilege, grantable)
        for role, config in like.settings:
            for item in config:
                copy_setting(connection, name, role, *item.split("=", 1))
        limit = named("ALTER DATABASE {} CONNECTION LIMIT {}", name, literal(like.limit))
        do(connection, limit)


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


def rename(connection: Connection, old: str, new: str) -> None:
    """Rename a database; the server refuses while anybody else has it open."""
    do(connection, named("ALTER DATABASE {} RENAME TO {}", old, new))


def drop(connection: Connection, store: Store, name: str) -> None:
    """Drop a database that a run made, whoever has it open; nothing when it is not there."""
    if not (name.startswith(f"{store.database}_") and OURS.search(name)):
        raise AssertionError(f"{name} is no database that a run made")
    with told(f"the database {name} cannot be dropped"):
        do(connection, named("DROP DATABASE IF EXISTS {} WITH (FORCE)", name))
