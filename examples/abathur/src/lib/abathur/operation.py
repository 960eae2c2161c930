"""What the service can be asked to do, without the web: a call, an operation, and its refusals."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Any  # whatever json.loads may return


@dataclass(frozen=True)
class Call:
    """One request, already parsed: path and query parameters are texts, the body is JSON."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)

    def limit(self, default: int = 50) -> int:
        """Return the query's `limit`, 1 to 1000."""
        given = self.query.get("limit", str(default))
        if not given.isdecimal() or not 1 <= int(given) <= 1000:
            raise Invalid(f"limit must be a number from 1 to 1000, not {given!r}")
        return int(given)

    def asked(self, name: str) -> str:
        """Return the query parameter `name`, which must be there."""
        if not self.query.get(name):
            raise Invalid(f"the query parameter {name!r} is missing")
        return self.query[name]

    def text(self, name: str) -> str:
        """Return the body's `name`, which must be a text that is not empty."""
        value = self.body.get(name)
        if not isinstance(value, str) or not value:
            raise Invalid(f"{name!r} must be a text that is not empty")
        return value

    def json_text(self, name: str, kind: type[list[Any]] | type[dict[str, Any]]) -> str:
        """Return the body's `name` as JSON text.

        A text is taken as it is: whether it is JSON is judged by the table's own CHECK.
        """
        value = self.body.get(name, kind())
        if isinstance(value, str):
            return value
        if not isinstance(value, kind):
            raise Invalid(f"{name!r} must be a JSON {kind.__name__}")
        return json.dumps(value)


Act = Callable[[sqlite3.Connection, Call], Json]


@dataclass(frozen=True)
class Operation:
    """One thing the service does: `act` runs inside one transaction and returns what to answer."""

    method: str
    path: str
    act: Act
    writes: bool = False
    status: int = 200


class ServiceError(Exception):
    """A request that the service refuses; the text says why."""

    status = 500
    code = "internal"


class NotFound(ServiceError):
    """What was asked for is not there."""

    status = 404
    code = "not_found"


class Conflict(ServiceError):
    """Somebody else was first, or the thing is in a state that does not allow it."""

    status = 409
    code = "conflict"


class Invalid(ServiceError):
    """The request itself is wrong."""

    status = 422
    code = "invalid"


class Unavailable(ServiceError):
    """The service cannot do it now; asking again later may work."""

    status = 503
    code = "unavailable"
