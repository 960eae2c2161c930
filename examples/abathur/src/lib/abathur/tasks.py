"""Tasks: what an agent was asked to do, perhaps within a session."""

from __future__ import annotations

import json
import sqlite3
import uuid
from typing import Any

from abathur import clock
from abathur.operation import Call, Invalid, NotFound, Operation

COLUMNS = (
    "id, prompt, agent_type, priority, status, input_data, result_data, error_message, retry_count,"
    " submitted_at, started_at, completed_at, last_updated_at, created_by, parent_task_id,"
    " session_id"
)
SELECT = f"SELECT {COLUMNS} FROM tasks"  # noqa: S608 - constants of this module
BY_ID = f"{SELECT} WHERE id = :id"
OF_SESSION = f"{SELECT} WHERE session_id = :session_id ORDER BY submitted_at DESC LIMIT :limit"
# A task takes along what only exists under it, in the order of the references.
BELOW = ("audit", "checkpoints", "state", "agents")


def read(connection: sqlite3.Connection, task_id: str) -> dict[str, Any]:
    """Return one task."""
    row = connection.execute(BY_ID, {"id": task_id}).fetchone()
    if row is None:
        raise NotFound(f"there is no task {task_id!r}")
    return dict(row)


def create(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Submit a task; a session or parent that does not exist is refused by the foreign key."""
    now = clock.now()
    values = {
        "id": call.body.get("id") or uuid.uuid4().hex,
        "prompt": call.text("prompt"),
        "agent_type": call.body.get("agent_type", "general"),
        "priority": call.body.get("priority", 5),
        "input_data": call.json_text("input_data", dict),
        "created_by": call.body.get("created_by"),
        "parent_task_id": call.body.get("parent_task_id"),
        "session_id": call.body.get("session_id"),
        "now": now,
    }
    connection.execute(
        "INSERT INTO tasks (id, prompt, agent_type, priority, input_data, created_by,"
        " parent_task_id, session_id, submitted_at, last_updated_at) VALUES (:id, :prompt,"
        " :agent_type, :priority, :input_data, :created_by, :parent_task_id, :session_id, :now,"
        " :now)",
        values,
    )
    return read(connection, str(values["id"]))


def get(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Return the task of the path."""
    return read(connection, call.path["id"])


def search(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Return a session's tasks, newest first."""
    found = {"session_id": call.asked("session_id"), "limit": call.limit()}
    return {"tasks": [dict(row) for row in connection.execute(OF_SESSION, found)]}


def finish(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Set a task's status, and its result when it is given."""
    task = read(connection, call.path["id"])
    status = call.text("status")
    if status not in ("pending", "running", "completed", "failed", "cancelled"):
        raise Invalid(f"{status!r} is no status of a task")
    now = clock.after(task["last_updated_at"])
    ended = status in ("completed", "failed", "cancelled")
    connection.execute(
        "UPDATE tasks SET status = :status, result_data = :result, completed_at = :completed,"
        " last_updated_at = :now WHERE id = :id",
        {
            "id": task["id"],
            "status": status,
            "result": json.dumps(call.body.get("result_data")),
            "completed": now if ended else None,
            "now": now,
        },
    )
    return read(connection, task["id"])


def delete(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Remove the task with its audit trail, checkpoints, state and agents."""
    task = read(connection, call.path["id"])
    gone = {}
    for table in BELOW:
        done = connection.execute(f"DELETE FROM {table} WHERE task_id = :id", task)  # noqa: S608
        gone[table] = done.rowcount
    connection.execute("DELETE FROM tasks WHERE id = :id", task)
    return {"deleted": 1, **gone}


OPERATIONS = (
    Operation("POST", "/tasks", create, writes=True, status=201),
    Operation("GET", "/tasks", search),
    Operation("GET", "/tasks/{id}", get),
    Operation("PATCH", "/tasks/{id}", finish, writes=True),
    Operation("DELETE", "/tasks/{id}", delete, writes=True),
)
