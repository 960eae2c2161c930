"""The databases of the server beside each other: asked for, made, renamed and dropped by name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import StepFailed
from .client import Connection, do, literal, named, rows, told
from .model import Store

ADMIN_DATABASE = "postgres"
"""Where a session stands that makes, renames or drops another database."""

MARK = ("stagegate", "closed")
"""The setting in which a closed database keeps how it was before; see ``closing``."""

PROVIDERS = {"i": ("icu", "ICU_LOCALE"), "b": ("builtin", "BUILTIN_LOCALE")}
"""Who sorts the text of a database, if not the C library, and how its locale is called."""

LARGE = 256 << 20
Grant = tuple[str, str, bool]
OURS = re.compile(r"_(drill|gen|old|failed|check)_[a-z0-9]+$")


@dataclass(frozen=True)
class Database:
    """One database as ``pg_database`` describes it; ``facts`` is the whole row.

    ``acl`` has (grantee or "" for everybody, privilege, may be passed on) and is empty where
    nothing was ever granted or revoked; ``settings`` has (role or "", its settings).
    """

    name: str
    owner: str
    facts: dict[str, Any]
    tablespace: str
    acl: tuple[Grant, ...]
    settings: tuple[tuple[str, tuple[str, ...]], ...]
    bytes: int

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Database:
        """A database as it was written into a manifest."""
        return cls(
            name=str(kept["name"]),
            owner=str(kept["owner"]),
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

    @property
    def granted(self) -> tuple[Grant, ...]:
        """What is granted on it when it is open."""
        if self.mark is None:
            return self.acl
        if self.mark["default"]:
            return ()
        others = [grant for grant in self.acl if grant[1] != "CONNECT"]
        return (*others, *((who, "CONNECT", option) for who, option in self.mark["connect"]))


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
        "SELECT to_jsonb(d) - 'datacl', pg_get_userbyid(d.datdba), t.spcname, "
        "pg_database_size(d.oid) FROM pg_database d "
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
    facts, owner, tablespace, size = found[0]
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
        owner=str(owner),
        facts=dict(facts),
        tablespace=str(tablespace),
        acl=tuple((str(g), str(p), bool(o)) for g, p, o in granted),
        settings=tuple((str(role), tuple(config)) for role, config in settings),
        bytes=int(size),
    )


def roles(connection: Connection) -> set[str]:
    """All roles of the server."""
    return {str(row[0]) for row in rows(connection, "SELECT rolname FROM pg_roles")}


def make_empty(connection: Connection, store: Store, name: str, like: Database | None) -> None:
    """Make an empty database, of the same kind as the other one; without one, of the owner's."""
    owner = store.owner if like is None else like.owner
    parts = [named("CREATE DATABASE {} OWNER {} TEMPLATE template0", name, owner)]
    kind = {"ENCODING": "UTF8"} if like is None else locale_of(like.facts)
    parts += [named(f"{key} {{}}", literal(text)) for key, text in kind.items()]
    if like is not None:
        parts.append(named("TABLESPACE {}", like.tablespace))
    do(connection, named(" ".join("{}" for _ in parts), *parts))


def locale_of(facts: dict[str, Any]) -> dict[str, str | int]:
    """How a database writes and sorts text, in the words of CREATE DATABASE."""
    options: dict[str, str | int] = {
        "ENCODING": int(facts["encoding"]),
        "LC_COLLATE": str(facts["datcollate"]),
        "LC_CTYPE": str(facts["datctype"]),
    }
    provider, locale = PROVIDERS.get(str(facts.get("datlocprovider")), ("", ""))
    if provider:
        named_locale = facts.get("daticulocale") or facts.get("datlocale")
        options.update({"LOCALE_PROVIDER": provider, locale: str(named_locale)})
    return options


def make_copy(connection: Connection, name: str, like: Database) -> None:
    """Make a database as a copy of one that nobody has open, files and all."""
    statement = named("CREATE DATABASE {} TEMPLATE {} OWNER {}", name, like.name, like.owner)
    if connection.info.server_version >= 150000 and like.bytes > LARGE:
        # Through the WAL every page would be written twice more.
        statement = named("{} STRATEGY file_copy", statement)
    do(connection, statement)


def rename(connection: Connection, old: str, new: str) -> None:
    """Rename a database; the server refuses while anybody else has it open."""
    do(connection, named("ALTER DATABASE {} RENAME TO {}", old, new))


def drop(connection: Connection, store: Store, name: str) -> None:
    """Drop a database that a run made, whoever has it open; nothing when it is not there."""
    if not (name.startswith(f"{store.database}_") and OURS.search(name)):
        raise AssertionError(f"{name} is no database that a run made")
    with told(f"the database {name} cannot be dropped"):
        do(connection, named("DROP DATABASE IF EXISTS {} WITH (FORCE)", name))
