"""What this release offers beyond the base service: a user's sessions by their last event."""

from __future__ import annotations

import sqlite3
from typing import Any

from abathur import sessions
from abathur.operation import Call, Operation

# A session that the release before wrote to has no time of its last event.
RECENT = (
    f"{sessions.SELECT} WHERE user_id = :user_id"
    " ORDER BY coalesce(last_event_at, last_update_time) DESC LIMIT :limit"
)


def recent(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Return a user's sessions, the one with the latest event first."""
    rows = connection.execute(RECENT, {"user_id": call.asked("user_id"), "limit": call.limit()})
    return {"sessions": [sessions.decode(row) for row in rows]}


OPERATIONS = (Operation("GET", "/sessions/recent", recent),)
