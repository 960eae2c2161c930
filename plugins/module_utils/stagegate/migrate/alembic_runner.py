"""One order to alembic, carried out inside the release's own Python. Shares nothing with the core.

This text is given to an interpreter of its own (``python -I -c``) with an order as its only
argument. Library and migrations come from the release: a stranger's code, which here runs as the
account that owns the data. The last line it prints is its answer, after a mark.

A session lock on a connection of its own keeps a second migration out, also while a migration is
between two transactions. What a connection may wait for is bounded by libpq's environment, so that
the bounds hold for whatever connection the release's code opens, and outside of transactions too.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MARK = "stagegate-alembic "
LOCK = int.from_bytes(b"stagegat", "big")
"""The session lock, the same for every system: such locks belong to one database."""

NUMBER = "stagegate transaction"
HOLDER = (
    "SELECT a.pid, a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
    "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND (l.classid::bigint << 32) + l.objid::bigint = %s"
)


class Misled(Exception):
    """The release's migrations are not what they were read as."""


class Watch:
    """Counts what was committed, and stops a migration that ends its transaction by itself."""

    def __init__(self, lock: Any) -> None:
        self.lock = lock
        self.commits = 0

    def listen(self) -> None:
        """Watch every connection of this process, whoever opened it."""
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        event.listen(Engine, "before_cursor_execute", self.before)
        event.listen(Engine, "after_cursor_execute", self.after)
        event.listen(Engine, "commit", self.commit)
        event.listen(Engine, "rollback", self.rollback)

    def before(self, connection: Any, *_: Any) -> None:
        """Outside of a transaction every statement is committed by itself."""
        if driver(connection).autocommit:
            self.commits += 1

    def after(self, connection: Any, *_: Any) -> None:
        """Ask the server for the transaction's number: another one was begun in the migration."""
        session = driver(connection)
        if session.autocommit:
            return
        with contextlib.closing(session.cursor()) as cursor:
            cursor.execute("SELECT pg_catalog.txid_current()")
            number = cursor.fetchone()[0]
        if connection.info.setdefault(NUMBER, number) != number:
            self.commits += 1
            raise Misled("the migration ends its transaction by itself (COMMIT or ROLLBACK)")

    def commit(self, connection: Any) -> None:
        """Nothing is committed once the lock is lost: someone else may be migrating."""
        if not driver(connection).autocommit:
            self.lock.execute("SELECT 1")
            self.commits += 1
        connection.info.pop(NUMBER, None)

    def rollback(self, connection: Any) -> None:
        """A transaction that was rolled back may be followed by another one."""
        connection.info.pop(NUMBER, None)


def driver(connection: Any) -> Any:
    """The psycopg connection below SQLAlchemy's."""
    return connection.connection.dbapi_connection


@contextlib.contextmanager
def alone(psycopg: Any, place: str) -> Iterator[Any]:
    """Hold the database's migration lock; raise Misled when another migration keeps it.

    The wait ends by the lock_timeout that every connection of this process begins with.
    """
    with psycopg.connect(place, autocommit=True) as session:
        try:
            session.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        except psycopg.errors.LockNotAvailable:
            held = session.execute(HOLDER, (LOCK,)).fetchall()
            who = ", ".join(f"{name or 'a session'} (pid {pid})" for pid, name in held)
            raise Misled(f"another migration is at work: {who or 'it just ended'}") from None
        yield session


def carry_out(order: dict[str, Any], answer: dict[str, Any]) -> None:
    """Run one alembic command on one connection, and keep account of what it committed."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine, pool

    config = Config()
    config.set_main_option("script_location", order["migrations"].replace("%", "%%"))
    config.set_main_option("sqlalchemy.url", order["url"].replace("%", "%%"))
    refuse_another_line(config, order["revisions"])
    engine = create_engine(order["url"], poolclass=pool.NullPool, hide_parameters=True)
    with alone(engine.dialect.loaded_dbapi, order["place"]) as lock, engine.connect() as connection:
        config.attributes["connection"] = connection
        watch = Watch(lock)
        watch.listen()
        try:
            {"upgrade": command.upgrade, "downgrade": command.downgrade}[order["action"]](
                config, order["target"]
            )
        finally:
            answer["commits"] = watch.commits


def refuse_another_line(config: Any, expected: list[str]) -> None:
    """Raise Misled when alembic sees other revisions than those that were read from the texts."""
    from alembic.script import ScriptDirectory

    seen = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    if seen[::-1] != expected:
        line = ", ".join(reversed(seen))
        raise Misled(f"alembic follows {line}; the files say {', '.join(expected)}")


def told(error: BaseException, migrations: str) -> dict[str, Any]:
    """An error without the rows that it may show: its first line, and where in the release.

    What a server says is told by its main sentence alone; its DETAIL quotes values.
    """
    origin = getattr(error, "orig", None) or error
    diagnostic = getattr(origin, "diag", None)
    text = getattr(diagnostic, "message_primary", None) or str(origin)
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if Path(migrations) in Path(frame.filename).parents]
    at = f"{Path(inside[-1].filename).name} line {inside[-1].lineno}" if inside else ""
    first = (text.strip().splitlines() or [""])[0][:500]
    kind = "" if isinstance(error, Misled) or diagnostic else f"{type(error).__name__}: "
    state = getattr(diagnostic, "sqlstate", None) or ""
    return {"error": f"{kind}{first}", "sqlstate": state, "at": at}


def main() -> int:
    """Carry out the order in the first argument, and answer in the last line."""
    order = json.loads(sys.argv[1])
    sys.dont_write_bytecode = True
    sys.path.insert(0, order["library"])
    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    logging.getLogger("alembic").setLevel(logging.INFO)
    answer: dict[str, Any] = {"commits": 0, "error": ""}
    try:
        carry_out(order, answer)
    except BaseException as error:  # noqa: BLE001 - also a SystemExit of the release's code is told
        answer.update(told(error, order["migrations"]))
    sys.stdout.flush()
    print(f"\n{MARK}{json.dumps(answer)}", flush=True)  # noqa: T201 - its answer
    return 1 if answer["error"] else 0


if __name__ == "__main__":
    sys.exit(main())
