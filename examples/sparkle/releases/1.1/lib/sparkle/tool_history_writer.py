"""Writes executions of tools behind the requests that made them."""

from __future__ import annotations

import logging
import queue
import threading
from concurrent.futures import Future
from typing import Any, NamedTuple

from prometheus_client import Counter
from psycopg.errors import ForeignKeyViolation
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from sparkle.cache import group_of
from sparkle.service import Service
from sparkle.tool_history import UserToolHistory

LOG = logging.getLogger("sparkle.tool_history")
LABELS = ("version", "instance")
RECORDED = Counter("sparkle_tool_history_records", "Executions of tools recorded", LABELS)
ERRORS = Counter("sparkle_tool_history_record_errors", "Executions that were not recorded", LABELS)
WAITING = 10_000  # executions; one more is refused, for memory is not endless
BATCH = 200
STOP_WITHIN = 5.0
# What lies in the row itself, and would fail again.
REFUSED = (DataError, IntegrityError)


class Pending(NamedTuple):
    """An execution to be recorded, and who waits for its id."""

    values: dict[str, Any]
    written: Future[int]


class HistoryWriter:
    """A queue and the one thread that empties it; what waits at the end is written before it."""

    def __init__(self, service: Service) -> None:
        who = service.identity
        self._service = service
        self._recorded = RECORDED.labels(who.version, who.instance)
        self._errors = ERRORS.labels(who.version, who.instance)
        self._queue: queue.Queue[Pending | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._run, name="tool-history", daemon=True)
        self._thread.start()

    def put(self, values: dict[str, Any]) -> Future[int]:
        """Take an execution; the future has its id once it is committed. Raises queue.Full."""
        pending = Pending(values, Future())
        self._queue.put_nowait(pending)
        return pending.written

    def close(self) -> None:
        """Write what waits, and end the thread."""
        self._queue.put(None)
        self._thread.join(STOP_WITHIN)

    def _run(self) -> None:
        ended = False
        while not ended:
            batch = [self._queue.get()]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get())
            ended = None in batch
            if waiting := [pending for pending in batch if pending is not None]:
                self._write(waiting)

    def _write(self, batch: list[Pending]) -> None:
        try:
            ids = self._insert(batch)
        except REFUSED as error:
            # One that the schema refuses must not take the others of its batch along.
            if len(batch) > 1:
                for pending in batch:
                    self._write([pending])
            elif isinstance(error.orig, ForeignKeyViolation):
                self._drop(batch[0], error)
            else:
                self._fail(batch, error, logging.WARNING)
        except SQLAlchemyError as error:
            self._fail(batch, error, logging.ERROR)
        else:
            self._succeed(batch, ids)

    def _insert(self, batch: list[Pending]) -> list[int]:
        rows = [UserToolHistory(**pending.values) for pending in batch]
        with self._service.database.session() as session:
            session.add_all(rows)
            session.flush()
            return [row.id for row in rows]

    def _succeed(self, batch: list[Pending], ids: list[int]) -> None:
        self._recorded.inc(len(batch))
        for user_id in {pending.values["user_id"] for pending in batch}:
            self._service.cache.forget(group_of(user_id))
        LOG.info("tool_history", extra={"fields": {"recorded": len(batch)}})
        for pending, number in zip(batch, ids, strict=True):
            pending.written.set_result(number)

    def _drop(self, pending: Pending, error: SQLAlchemyError) -> None:
        # Deleted meanwhile, perhaps through another host: nobody is left to miss the record.
        LOG.info("tool_history", extra={"fields": {"dropped": 1, "cause": "there is no such user"}})
        pending.written.set_exception(error)

    def _fail(self, batch: list[Pending], error: SQLAlchemyError, level: int) -> None:
        self._errors.inc(len(batch))
        cause = str(getattr(error, "orig", error)).partition("\n")[0]
        LOG.log(level, "tool_history", extra={"fields": {"lost": len(batch), "cause": cause}})
        for pending in batch:
            pending.written.set_exception(error)
