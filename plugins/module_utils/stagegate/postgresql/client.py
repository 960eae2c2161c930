"""psycopg, asked for when it is needed, and the only two ways in which SQL is put together here.

No other file imports psycopg. A name from outside (a table, a database, a role) becomes a part of a
statement by ``named`` or ``listed`` alone; a value is always bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Union

from ..errors import Refused, StagegateError, StepFailed

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]
    Composed = psycopg.sql.Composed
    Part = Union[str, psycopg.sql.Composable]
else:
    Connection = Composed = Part = Any


def library() -> Any:
    """The psycopg package. Raises Refused where it is not installed."""
    try:
        import psycopg
    except ImportError as error:
        raise Refused(
            "the Python package psycopg (version 3) is missing on this host",
            now="nothing was changed",
            untouched="every service and all data",
            next="install it: apt install python3-psycopg",
        ) from error
    return psycopg


def named(text: str, *names: Part) -> Composed:
    """A statement with names put into its ``{}``, quoted; what is composed already is put in whole.

    ``text`` is written by us, never taken from outside.
    """
    sql = library().sql
    parts = [sql.Identifier(name) if isinstance(name, str) else name for name in names]
    composed: Composed = sql.SQL(text).format(*parts)
    return composed


def listed(text: str, names: Iterable[str], between: str = ", ") -> Composed:
    """The same piece of SQL for each name, joined: ``listed("o.{0} = n.{0}", key, " AND ")``."""
    sql = library().sql
    joined: Composed = sql.SQL(between).join(named(text, name) for name in names)
    return joined


def literal(value: str | int) -> Part:
    """A value in a statement that the server binds no values to (ALTER, CREATE, COPY)."""
    quoted: Part = library().sql.Literal(value)
    return quoted


def rows(connection: Connection, query: str | Composed, *values: Any) -> list[tuple[Any, ...]]:
    """All rows of a query with few of them."""
    return connection.execute(query, values or None).fetchall()


def value(connection: Connection, query: str | Composed, *values: Any) -> Any:
    """The first value of a query's first row; None when it has no row."""
    row = connection.execute(query, values or None).fetchone()
    return None if row is None else row[0]


def do(connection: Connection, statement: str | Composed, *values: Any) -> None:
    """Run a statement that answers nothing."""
    connection.execute(statement, values or None)


@contextmanager
def told(what: str, kind: type[StagegateError] = StepFailed, **parts: Any) -> Iterator[None]:
    """Turn what the server says against us into one failure, in its own words.

    Only its first line is told: the lines after it may show rows.
    """
    psycopg = library()
    try:
        yield
    except psycopg.Error as error:
        raise kind(f"{what}: {reason(error)}", **parts) from error


def reason(error: Exception) -> str:
    """The first line of what a server or the client library said."""
    said = getattr(getattr(error, "diag", None), "message_primary", None) or str(error)
    return (said.strip().splitlines() or [type(error).__name__])[0]
