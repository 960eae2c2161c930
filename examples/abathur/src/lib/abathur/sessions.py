"""Sessions: an agent's conversation, its events and its state."""

from __future__ import annotations

import json
import re
import sqlite3
import uuid
from collections.abc import Mapping
from typing import Any

from abathur import clock, edition
from abathur.operation import Call, Conflict, Invalid, Json, NotFound, Operation

COLUMNS = (
    "id",
    "app_name",
    "user_id",
    "project_id",
    "status",
    "events",
    "state",
    "metadata",
    "created_at",
    "last_update_time",
    "terminated_at",
    "archived_at",
    *edition.COLUMNS,
)
JSON_COLUMNS = ("events", "state", "metadata")
SELECT = f"SELECT {', '.join(COLUMNS)} FROM sessions"  # noqa: S608 - constants of this release
BY_ID = f"{SELECT} WHERE id = :id"
OF_USER = f"{SELECT} WHERE user_id = :user_id ORDER BY created_at DESC LIMIT :limit"
# Written as the partial index is: SQLite does not conclude from status = 'active' alone.
OPEN = (
    f"{SELECT} WHERE status IN ('active', 'paused') "
    "ORDER BY status, last_update_time DESC LIMIT :limit"
)
EVENT_TYPES = ("message", "action", "tool_call", "reflection")
ACTOR = re.compile(r"user|system|agent:[\w.-]+")
STATE_KEY = re.compile(r"(temp|session|user|app|project):.+")
EVENTS_AT_MOST = 1000


def decode(row: sqlite3.Row) -> dict[str, Any]:
    """Return the session as callers see it; `version` is what an update has to quote."""
    session = dict(row)
    for name in JSON_COLUMNS:
        session[name] = json.loads(session[name])
    session["version"] = session["last_update_time"]
    return session


def read(connection: sqlite3.Connection, session_id: str) -> dict[str, Any]:
    """Return one session."""
    row = connection.execute(BY_ID, {"id": session_id}).fetchone()
    if row is None:
        raise NotFound(f"there is no session {session_id!r}")
    return decode(row)


def create(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Create a session; an id that is taken is a conflict."""
    now = clock.now()
    values = {
        "id": call.body.get("id") or uuid.uuid4().hex,
        "app_name": call.text("app_name"),
        "user_id": call.text("user_id"),
        "project_id": call.body.get("project_id"),
        "events": call.json_text("events", list),
        "state": call.json_text("state", dict),
        "metadata": call.json_text("metadata", dict),
        "created_at": now,
        "last_update_time": now,
        **edition.on_create(call.body),
    }
    names = ", ".join(values)
    slots = ", ".join(f":{name}" for name in values)
    connection.execute(f"INSERT INTO sessions ({names}) VALUES ({slots})", values)  # noqa: S608
    return read(connection, str(values["id"]))


def get(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Return the session of the path."""
    return read(connection, call.path["id"])


def search(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Return a user's sessions, newest first, or all that are open."""
    values = {"limit": call.limit(), "user_id": call.query.get("user_id")}
    rows = connection.execute(OF_USER if values["user_id"] else OPEN, values)
    return {"sessions": [decode(row) for row in rows]}


def append_event(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Append an event; the first one makes a created session active."""
    session = _open_session(connection, call)
    event = _event(call)
    if not isinstance(session["events"], list) or len(session["events"]) >= EVENTS_AT_MOST:
        raise Conflict(f"the session cannot take more than {EVENTS_AT_MOST} events")
    _update(
        connection,
        session,
        {
            "events": json.dumps([*session["events"], event]),
            "state": json.dumps(_merged(session["state"], event.get("state_delta", {}))),
            "status": "active" if session["status"] == "created" else session["status"],
            **edition.on_event(event),
        },
    )
    return event


def update_state(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Merge `delta` into the state, if the session is still at `expected_version`."""
    session = _open_session(connection, call)
    expected = call.body.get("expected_version", session["version"])
    if expected != session["version"]:
        raise Conflict(f"the session is at version {session['version']}, not at {expected}")
    state = _merged(session["state"], call.body.get("delta"))
    _update(connection, session, {"state": json.dumps(state)})
    return read(connection, session["id"])


def terminate(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """End the session; it stays readable."""
    session = _open_session(connection, call)
    _update(connection, session, {"status": "terminated", "terminated_at": clock.now()})
    return read(connection, session["id"])


def delete(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Remove the session; its tasks stay, without a session."""
    read(connection, call.path["id"])
    done = connection.execute("DELETE FROM sessions WHERE id = :id", {"id": call.path["id"]})
    return {"deleted": done.rowcount}


def _open_session(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    session = read(connection, call.path["id"])
    if session["status"] in ("terminated", "archived"):
        raise Conflict(f"the session is {session['status']}")
    return session


def _event(call: Call) -> dict[str, Any]:
    event = dict(call.body)
    if event.get("event_type") not in EVENT_TYPES:
        raise Invalid(f"event_type must be one of {', '.join(EVENT_TYPES)}")
    if not ACTOR.fullmatch(call.text("actor")):
        raise Invalid("actor must be user, system or agent:<id>")
    if not isinstance(event.setdefault("content", {}), dict):
        raise Invalid("content must be a JSON object")
    event.setdefault("event_id", uuid.uuid4().hex)
    event["timestamp"] = clock.now()
    return event


def _merged(state: Json, delta: Json) -> dict[str, Any]:
    if not isinstance(state, dict) or not isinstance(delta, dict):
        raise Invalid("a session's state and its delta must be JSON objects")
    for key in delta:
        if not STATE_KEY.fullmatch(key):
            raise Invalid(f"state key {key!r} needs a prefix: temp, session, user, app or project")
    return {**state, **delta}


def _update(
    connection: sqlite3.Connection, session: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    changes = {**values, "last_update_time": clock.after(session["last_update_time"])}
    slots = ", ".join(f"{name} = :{name}" for name in changes)
    connection.execute(
        f"UPDATE sessions SET {slots} WHERE id = :id",  # noqa: S608 - constants of this release
        {**changes, "id": session["id"]},
    )


OPERATIONS = (
    Operation("POST", "/sessions", create, writes=True, status=201),
    Operation("GET", "/sessions", search),
    Operation("GET", "/sessions/{id}", get),
    Operation("POST", "/sessions/{id}/events", append_event, writes=True, status=201),
    Operation("PATCH", "/sessions/{id}/state", update_state, writes=True),
    Operation("POST", "/sessions/{id}/terminate", terminate, writes=True),
    Operation("DELETE", "/sessions/{id}", delete, writes=True),
)
