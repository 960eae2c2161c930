"""Source ``sql``: one number from one read-only query."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from ..fields import Fields
from ..model import (
    COUNTED,
    STATISTICS,
    Gate,
    Measurement,
    Reader,
    Reading,
    Samples,
    Service,
    SourceFault,
    Window,
)
from ..samples import accept, summarize, unfit
from .polling import poll_times, spoiled_series
from .sql_postgresql import Server, read_postgresql, server_from

ENGINES = ("sqlite", "postgresql")

STEPS = 10_000
"""Instructions of SQLite's machine between two looks at the clock: less than a millisecond."""

Parameters = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Sql:
    """``target`` is what the engine connects to: the path of a SQLite file, or a server.

    ``run`` is in whose name a server is asked; whoever looks at its sessions sees it.
    """

    target: str | Server
    query: str
    parameters: Parameters
    deadline: float
    run: str = ""
    kind: ClassVar[str] = "sql"
    statistics: ClassVar[tuple[str, ...]] = STATISTICS
    polled: ClassVar[bool] = True
    service: ClassVar[str] = ""

    @classmethod
    def from_fields(cls, fields: Fields, services: Sequence[Service]) -> Sql:
        """Read what a user wrote."""
        engine = fields.choice("engine", ENGINES, "sqlite")
        return cls(
            target=server_from(fields) if engine == "postgresql" else fields.text("path"),
            query=fields.text("query"),
            parameters=tuple(sorted(fields.mapping("parameters").items())),
            deadline=fields.seconds("deadline", 2.0),
        )

    def reader(self, samples: Samples) -> Reader:
        """Poll the query."""
        return Reader(
            (self.kind, self),
            self.read,
            poll_times(samples),
            self.deadline,
        )

    def read(self) -> object:
        """The one value that the query gives now. Raises SourceFault when there is none."""
        parameters = dict(self.parameters)
        if isinstance(self.target, Server):
            rows: Sequence[Sequence[object]] = read_postgresql(
                self.target, self.run, self.query, parameters, self.deadline
            )
        else:
            rows = read_sqlite(self.target, self.query, parameters, self.deadline)
        return single(rows)

    def measure(self, gate: Gate, readings: Sequence[Reading], window: Window) -> Measurement:
        """The statistic of the numbers the query gave."""
        failures = [reading.failure for reading in readings if reading.failure]
        if failures:
            return Measurement(None, problem=failures[0])
        counts = gate.unit == "count" or gate.statistic in COUNTED
        return summarize(gate, accept([(r.t, r.payload) for r in readings], counts))

    def spoiled(self, gate: Gate, value: float) -> tuple[list[Reading], Window]:
        """Answers of the query that are ``value``."""
        readings = [Reading(t, number) for t, number in spoiled_series(gate, value)]
        return readings, Window(0.0, gate.samples.lasting)

    def silent(self, gate: Gate, reading: Reading) -> str:
        """Why the query gave no number."""
        return reading.failure or unfit(reading.payload)

    def describe(self) -> dict[str, Any]:
        """Kind, path and query; parameters may be data and are left out."""
        path = self.target.name if isinstance(self.target, Server) else self.target
        return {"kind": self.kind, "path": path, "query": self.query}


def read_sqlite(
    path: str, query: str, parameters: Mapping[str, Any], deadline: float
) -> list[tuple[object, ...]]:
    """The first two rows a query gives, the file opened for reading only and never made.

    Raises SourceFault when it fails, and past the deadline.
    """
    end = time.monotonic() + deadline
    address = f"file:{quote(path)}?mode=ro"
    try:
        connection = sqlite3.connect(
            address, uri=True, timeout=deadline, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise SourceFault(f"{path}: {error}") from error
    # An interrupt from outside is lost when it comes before the query has begun.
    connection.set_progress_handler(lambda: time.monotonic() >= end, STEPS)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.set_authorizer(only_this_file)
        rows = connection.execute(query, dict(parameters)).fetchmany(2)
    except (sqlite3.Error, sqlite3.Warning) as error:
        late = time.monotonic() >= end
        words = f"no answer within {deadline:g} s" if late else f"the query failed: {error}"
        raise SourceFault(words) from error
    finally:
        connection.close()
    return rows


def only_this_file(action: int, *_: object) -> int:
    """Keep a query to its file: a connection for reading may still make a new one with ATTACH."""
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK


def single(rows: Sequence[Sequence[object]]) -> object:
    """The one value of the one row. Raises SourceFault when there is not exactly one."""
    if not rows:
        raise SourceFault("the query gave no row")
    if len(rows) > 1 or len(rows[0]) != 1:
        raise SourceFault("the query must give one row of one column")
    return rows[0][0]
