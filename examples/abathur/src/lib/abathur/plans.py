"""How SQLite answers the service's statements: each one's plan, from its own connection."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from abathur import audit, documents, memory, sessions, tasks
from abathur.operation import Call, Operation

STATEMENTS = {
    "session by id": sessions.BY_ID,
    "sessions of a user": sessions.OF_USER,
    "open sessions": sessions.OPEN,
    "current memory": memory.CURRENT,
    "history of a memory": memory.HISTORY,
    "memories of a namespace": memory.BY_PREFIX,
    "conflicting memories": memory.CONFLICTS,
    "task by id": tasks.BY_ID,
    "tasks of a session": tasks.OF_SESSION,
    "audit of a task": audit.BY_FILTER["task_id"],
    "audit of a namespace": audit.BY_FILTER["namespace"],
    "audit of an operation": audit.BY_FILTER["operation"],
    "document by path": documents.BY_PATH,
    "documents that wait": documents.WAITING,
}
PARAMETER = re.compile(r":([a-z_]+)")


def explain(connection: sqlite3.Connection, _call: Call) -> dict[str, Any]:
    """Return the plan's lines of every statement, by what the statement is for."""
    plans = {}
    for name, statement in STATEMENTS.items():
        values = dict.fromkeys(PARAMETER.findall(statement), 1)
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        plans[name] = [row["detail"] for row in rows]
    return {"plans": plans}


OPERATIONS = (Operation("GET", "/diagnostics/plans", explain),)
