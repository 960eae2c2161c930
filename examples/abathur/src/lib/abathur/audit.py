"""The audit trail: one row for everything done to a memory, under the task that asked for it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from abathur import clock
from abathur.operation import Call, Invalid, Operation

SELECT = (
    "SELECT id, timestamp, agent_id, task_id, action_type, action_data, result,"
    " memory_operation_type, memory_namespace, memory_entry_id FROM audit"
)
BY_FILTER = {
    "task_id": f"{SELECT} WHERE task_id = :value ORDER BY timestamp DESC, id DESC LIMIT :limit",
    "namespace": (
        f"{SELECT} WHERE memory_namespace = :value ORDER BY timestamp DESC, id DESC LIMIT :limit"
    ),
    "operation": (
        f"{SELECT} WHERE memory_operation_type = :value"
        " ORDER BY timestamp DESC, id DESC LIMIT :limit"
    ),
}


def record(
    connection: sqlite3.Connection,
    call: Call,
    operation: str,
    namespace: str,
    entry: Mapping[str, Any],
) -> None:
    """Add a row for `operation` on the memory `entry`.

    The task has to be named: `audit.task_id` refers to one, so nothing unaudited can be written.
    """
    connection.execute(
        "INSERT INTO audit (timestamp, task_id, action_type, action_data, memory_operation_type,"
        " memory_namespace, memory_entry_id) VALUES (:timestamp, :task_id, :action_type,"
        " :action_data, :operation, :namespace, :entry_id)",
        {
            "timestamp": clock.now(),
            "task_id": call.query.get("task_id") or call.text("task_id"),
            "action_type": f"memory_{operation}",
            "action_data": json.dumps({"key": entry["key"], "version": entry["version"]}),
            "operation": operation,
            "namespace": namespace,
            "entry_id": entry["id"],
        },
    )


def search(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Return the newest rows of one task, one namespace or one kind of operation."""
    asked = [name for name in BY_FILTER if call.query.get(name)]
    if len(asked) != 1:
        raise Invalid(f"ask by exactly one of {', '.join(BY_FILTER)}")
    values = {"value": call.query[asked[0]], "limit": call.limit(100)}
    return {"audit": [dict(row) for row in connection.execute(BY_FILTER[asked[0]], values)]}


OPERATIONS = (Operation("GET", "/audit", search),)
