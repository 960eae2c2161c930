"""What a user declares of a PostgreSQL store, read once and checked."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import BadInput
from ..store.model import members, names_in

NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
DATABASE = re.compile(r"[a-z][a-z0-9_]{0,30}")
ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
BOOKKEEPING = ("alembic_version",)
"""Tables in which a migration tool keeps its own account; no rows of the application."""

MEGABYTE = 1 << 20
SOCKET, PORT = "/var/run/postgresql", 5432
LOCK_SECONDS, STATEMENT_SECONDS = 2, 60


@dataclass(frozen=True)
class Store:
    """One database of a PostgreSQL server on this host.

    ``owner`` is the account, and the role of the same name, that owns the schema's objects;
    ``admin`` the account and superuser that makes and renames databases. ``reserve`` is in bytes,
    ``lock_timeout`` and ``statement_timeout`` in seconds. ``wal_archive``: the server must archive
    its WAL, or the deployment is refused.
    """

    name: str
    database: str
    socket: str = SOCKET
    port: int = PORT
    owner: str = ""
    admin: str = "postgres"
    reserve: int = 64 * MEGABYTE
    lock_timeout: int = LOCK_SECONDS
    statement_timeout: int = STATEMENT_SECONDS
    bookkeeping: tuple[str, ...] = BOOKKEEPING
    tables: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    wal_archive: bool = False

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Store:
        """Read the parameter ``store``; raise BadInput naming the key that is wrong."""
        name = str(params.get("name") or "")
        if not NAME.fullmatch(name):
            raise BadInput(f"stores[].name: {name!r} is not a name (a-z, 0-9, - and _)")
        path = f"stores.{name}"
        expect = members(params.get("expect"), f"{path}.expect")
        return cls(
            name=name,
            database=word(params.get("database"), DATABASE, f"{path}.database"),
            socket=socket_directory(params.get("socket") or SOCKET, f"{path}.socket"),
            port=whole(params.get("port"), PORT, f"{path}.port"),
            owner=word(params.get("owner"), ACCOUNT, f"{path}.owner"),
            admin=word(params.get("admin") or "postgres", ACCOUNT, f"{path}.admin"),
            reserve=whole(params.get("reserve_mb"), 64, f"{path}.reserve_mb") * MEGABYTE,
            lock_timeout=seconds(params.get("lock_timeout"), LOCK_SECONDS, f"{path}.lock_timeout"),
            statement_timeout=seconds(
                params.get("statement_timeout"), STATEMENT_SECONDS, f"{path}.statement_timeout"
            ),
            bookkeeping=BOOKKEEPING + names_in(params.get("bookkeeping"), f"{path}.bookkeeping"),
            tables=names_in(expect.get("tables"), f"{path}.expect.tables"),
            indexes=names_in(expect.get("indexes"), f"{path}.expect.indexes"),
            constraints=names_in(expect.get("constraints"), f"{path}.expect.constraints"),
            wal_archive=bool(params.get("wal_archive")),
        )

    def is_bookkeeping(self, table: str) -> bool:
        """True for a table of a migration tool; a table's schema does not count."""
        bare = table.rpartition(".")[2]
        return any(fnmatch.fnmatchcase(bare, pattern) for pattern in self.bookkeeping)


def word(value: object, shape: re.Pattern[str], key: str) -> str:
    """A name of the given shape. Raises BadInput."""
    text = str(value or "")
    if not shape.fullmatch(text):
        raise BadInput(f"{key}: {text!r} must be a name of the shape {shape.pattern}")
    return text


def socket_directory(value: object, key: str) -> str:
    """The directory of the server's socket. Raises BadInput for anything but a plain path."""
    text = str(value)
    if not re.fullmatch(r"(/[A-Za-z0-9._-]+)+", text) or "/../" in f"{text}/":
        raise BadInput(f"{key}: {text!r} must be an absolute path without .. or odd characters")
    return text


def whole(value: object, default: int, key: str) -> int:
    """A number that is not negative. Raises BadInput."""
    if value is None:
        return default
    if isinstance(value, bool) or not str(value).isdigit():
        raise BadInput(f"{key}: {value!r} must be a whole number, 0 or more")
    return int(str(value))


def seconds(value: object, default: int, key: str) -> int:
    """A time that is bounded: 0 would wait for ever. Raises BadInput."""
    number = whole(value, default, key)
    if number < 1:
        raise BadInput(f"{key} must be 1 or more: 0 would wait for ever")
    return number
