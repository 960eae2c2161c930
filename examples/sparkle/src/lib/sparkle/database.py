"""The database as the service uses it: a pool of connections, one transaction for each request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

POOL_SIZE = 5
POOL_EXTRA = 10
POOL_TIMEOUT = 5.0
CONNECT_TIMEOUT = 3
# A statement waits for a lock longer than any migration may hold one, and never for ever.
LIMITS = (
    "-c statement_timeout=15s -c lock_timeout=10s -c timezone=UTC"
    " -c idle_in_transaction_session_timeout=30s"
)


class Database:
    """A pool of connections to `url`, each tried before it is lent: a restart costs nothing."""

    def __init__(self, url: str, name: str) -> None:
        def connect() -> psycopg.Connection[Any]:
            # libpq reads the URL itself, with all that it knows about sockets and password files.
            return psycopg.connect(
                url, application_name=name, connect_timeout=CONNECT_TIMEOUT, options=LIMITS
            )

        self.engine = create_engine(
            "postgresql+psycopg://",
            creator=connect,
            poolclass=QueuePool,
            pool_size=POOL_SIZE,
            max_overflow=POOL_EXTRA,
            pool_timeout=POOL_TIMEOUT,
            pool_pre_ping=True,
        )

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Lend a session; leaving the block commits, an exception takes all back."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    def ping(self) -> float:
        """Ask the database for a 1; returns how many milliseconds that took."""
        begin = time.perf_counter()
        with self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        return round((time.perf_counter() - begin) * 1000, 3)

    @property
    def checked_out(self) -> int:
        """How many connections are lent now."""
        return self.engine.pool.checkedout()  # type: ignore[attr-defined] # the pool is a QueuePool

    def close(self) -> None:
        """Close the connections that are back."""
        self.engine.dispose()
