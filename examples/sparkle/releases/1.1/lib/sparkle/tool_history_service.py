"""What the history of tool executions can be asked and told."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Float, cast, delete, func, select, update

from sparkle.cache import group_of
from sparkle.service import Service
from sparkle.tool_history import UserToolHistory as History
from sparkle.tool_history_writer import HistoryWriter

RECENT_DAYS = 30
KEPT_DAYS = 90
MANY_USES = 10
RATE_WEIGHT, USES_WEIGHT = 0.7, 0.3
SUCCESSES = func.count().filter(History.success)
USES = func.count()


def preference_score(rate: float, uses: int) -> float:
    """Return 0 to 1: mostly the share of successes (`rate`), and a little how much was used."""
    return round(RATE_WEIGHT * rate + USES_WEIGHT * min(uses / MANY_USES, 1), 4)


def since(days: int) -> ColumnElement[bool]:
    """Return the condition that an execution is at most so old, by the database's clock."""
    return History.created_at >= func.now() - timedelta(days=days)


def percent(successes: int, uses: int) -> float:
    """Return a success rate from 0 to 100; nothing was tried, nothing succeeded."""
    return round(100 * successes / uses, 2) if uses else 0.0


class ToolHistoryService:
    """The history; answers come from the database, whose time counts, not this process's."""

    def __init__(self, service: Service) -> None:
        self._database = service.database
        self._cache = service.cache
        self._writer = service.part(HistoryWriter)

    def record_tool_execution(self, **values: Any) -> Future[int]:
        """Record an execution later; the future has its id once it is committed."""
        return self._writer.put(values)

    def get_tool_success_rate(
        self, user_id: int, tool_name: str, days: int = RECENT_DAYS
    ) -> dict[str, Any]:
        """Return how often a user's tool succeeded, in percent, and of how many times."""
        mine = (History.user_id == user_id, History.tool_name == tool_name, since(days))
        with self._database.session() as session:
            uses, successes = session.execute(select(USES, SUCCESSES).where(*mine)).one()
        return {"tool_name": tool_name, "uses": uses, "success_rate": percent(successes, uses)}

    def get_user_preferred_tools(self, user_id: int, limit: int = 5) -> list[dict[str, Any]]:
        """Return the tools that did best for a user, by successes and then by uses."""
        query = (
            select(History.tool_name, USES, SUCCESSES)
            .where(History.user_id == user_id, since(RECENT_DAYS))
            .group_by(History.tool_name)
            .order_by(SUCCESSES.desc(), USES.desc(), History.tool_name)
            .limit(limit)
        )
        with self._database.session() as session:
            rows = session.execute(query).all()
        return [
            {
                "tool_name": tool,
                "uses": uses,
                "successes": successes,
                "success_rate": percent(successes, uses),
                "preference_score": preference_score(successes / uses, uses),
            }
            for tool, uses, successes in rows
        ]

    def get_tool_statistics(self, user_id: int, tool_name: str | None = None) -> dict[str, Any]:
        """Return a user's figures over all time, of one tool or of all."""
        chosen = [History.user_id == user_id]
        if tool_name is not None:
            chosen.append(History.tool_name == tool_name)
        query = select(
            USES.label("uses"),
            SUCCESSES.label("successes"),
            cast(func.avg(History.execution_time_ms), Float).label("average_ms"),
            func.max(History.execution_time_ms).label("slowest_ms"),
            cast(func.avg(History.user_satisfaction), Float).label("satisfaction"),
            func.max(History.created_at).label("last_used"),
        ).where(*chosen)
        with self._database.session() as session:
            found = dict(session.execute(query).mappings().one())
        last = found["last_used"]
        return {
            **found,
            "success_rate": percent(found["successes"], found["uses"]),
            "last_used": last and last.isoformat(),
        }

    def get_recent_failed_tools(
        self, user_id: int, tool_name: str | None = None, limit: int = 5
    ) -> list[dict[str, Any]]:
        """Return a user's last failures, the newest first."""
        query = select(History).where(History.user_id == user_id, ~History.success)
        if tool_name is not None:
            query = query.where(History.tool_name == tool_name)
        query = query.order_by(History.created_at.desc(), History.id.desc()).limit(limit)
        with self._database.session() as session:
            return [
                {
                    "id": row.id,
                    "tool_name": row.tool_name,
                    "error_type": row.error_type,
                    "error_message": row.error_message,
                    "created_at": row.created_at.isoformat(),
                }
                for row in session.scalars(query)
            ]

    def update_user_satisfaction(
        self, record_id: int, satisfaction: int, was_helpful: bool | None = None
    ) -> bool:
        """Note what the user thought of an execution, 1 to 5; says whether there is such a one."""
        values = {"user_satisfaction": satisfaction, "was_helpful": was_helpful}
        statement = (
            update(History)
            .where(History.id == record_id)
            .values(**values, updated_at=func.now())
            .returning(History.user_id)
        )
        with self._database.session() as session:
            user_id = session.scalar(statement)
        if user_id is not None:
            self._cache.forget(group_of(user_id))
        return user_id is not None

    def cleanup_old_records(self, days: int = KEPT_DAYS, batch: int = 1000) -> int:
        """Delete what is older, at most `batch` rows a transaction; returns how many there were."""
        return sum(self._delete_batches(days, batch))

    def _delete_batches(self, days: int, batch: int) -> Iterator[int]:
        old = select(History.id).where(~since(days)).order_by(History.id).limit(batch)
        statement = delete(History).where(History.id.in_(old.with_for_update(skip_locked=True)))
        deleted = batch
        while deleted == batch:
            with self._database.session() as session:
                deleted = session.execute(
                    statement, execution_options={"synchronize_session": False}
                ).rowcount
            yield deleted
