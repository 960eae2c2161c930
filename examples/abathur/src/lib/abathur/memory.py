"""Memories: versioned values under a namespace and a key.

An update adds a row with the next version; deleting marks all rows of the key. The current version
is the highest that is not marked. An update that quotes a version which is no longer the current
one is kept as well, marked as a conflict, until `consolidate` merges both.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from abathur import audit, clock, values
from abathur.operation import Call, Conflict, Invalid, Json, NotFound, Operation

SELECT = (
    "SELECT id, namespace, key, value, memory_type, version, is_deleted, metadata, created_by,"
    " updated_by, created_at, updated_at FROM memory_entries AS entry"
)
CURRENT = (
    f"{SELECT} WHERE namespace = :namespace AND key = :key AND is_deleted = 0"
    " ORDER BY version DESC LIMIT 1"
)
HISTORY = f"{SELECT} WHERE namespace = :namespace AND key = :key ORDER BY version"
# `:` is the separator and `;` the character after it, so a range, unlike LIKE, keeps user:alice2
# out of user:alice and can use the index.
IN_NAMESPACE = (
    "namespace >= :prefix AND namespace < :prefix || ';'"
    " AND (namespace = :prefix OR namespace >= :prefix || ':')"
)
BY_PREFIX = (
    f"{SELECT} WHERE is_deleted = 0 AND {IN_NAMESPACE} AND NOT EXISTS ("  # noqa: S608 - constants
    "SELECT 1 FROM memory_entries AS newer WHERE newer.namespace = entry.namespace"
    " AND newer.key = entry.key AND newer.is_deleted = 0 AND newer.version > entry.version)"
    " ORDER BY namespace, updated_at DESC LIMIT :limit"
)
CONFLICTS = (
    "SELECT namespace, key FROM memory_entries"  # noqa: S608 - constants
    f" WHERE is_deleted = 0 AND {IN_NAMESPACE} GROUP BY namespace, key"
    " HAVING sum(json_extract(metadata, '$.conflicts_with') IS NOT NULL) > 0"
)
POLICIES = {"namespace": "app:abathur:config", "key": "memory_lifecycle_policies"}


def decode(row: sqlite3.Row) -> dict[str, Any]:
    """Return the memory as callers see it."""
    entry = dict(row)
    entry["value"] = values.decode(entry["value"])
    entry["metadata"] = json.loads(entry["metadata"])
    entry["is_deleted"] = bool(entry["is_deleted"])
    return entry


def current(connection: sqlite3.Connection, name: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the current version of a memory, None if there is none."""
    row = connection.execute(CURRENT, name).fetchone()
    return None if row is None else decode(row)


def get(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Return the current version of the memory that the query names."""
    return _existing(connection, _name(call.query))


def create(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Create a memory; a key that has a current version is a conflict."""
    name = _name(call.body)
    if current(connection, name) is not None:
        raise Conflict(f"{name['namespace']} {name['key']} exists; update it")
    entry = _insert(connection, call, name, call.text("memory_type"), {})
    audit.record(connection, call, "create", name["namespace"], entry)
    return entry


def update(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Add the next version; one made from an older version than the current is a conflict."""
    name = _name(call.body)
    before = _existing(connection, name)
    base = call.body.get("base_version", before["version"])
    metadata = {} if base == before["version"] else {"conflicts_with": before["version"]}
    entry = _insert(connection, call, name, before["memory_type"], metadata)
    audit.record(connection, call, "update", name["namespace"], entry)
    return entry


def history(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Return every version of a memory, the oldest first, deleted ones included."""
    rows = connection.execute(HISTORY, _name(call.query)).fetchall()
    if not rows:
        raise NotFound("there is no such memory")
    return {"versions": [decode(row) for row in rows]}


def search(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Return the current memories of a namespace and of those below it."""
    found = {"prefix": call.asked("prefix").rstrip(":"), "limit": call.limit()}
    return {"entries": [decode(row) for row in connection.execute(BY_PREFIX, found)]}


def delete(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Mark every version of a memory as deleted; the history stays."""
    name = _name(call.query)
    entry = _existing(connection, name)
    done = connection.execute(
        "UPDATE memory_entries SET is_deleted = 1, updated_at = :now"
        " WHERE namespace = :namespace AND key = :key AND is_deleted = 0",
        {**name, "now": clock.now()},
    )
    audit.record(connection, call, "delete", name["namespace"], entry)
    return {"deleted": done.rowcount}


def consolidate(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Merge the conflicting versions of each key in a namespace into one new version."""
    rows = connection.execute(CONFLICTS, {"prefix": call.text("prefix").rstrip(":")}).fetchall()
    return {"resolved": [_merge(connection, call, dict(row)) for row in rows]}


def forget(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Erase a namespace, those below it and their audit trail, as if they had never been."""
    prefix = {"prefix": call.path["prefix"].rstrip(":")}
    trail = connection.execute(
        "DELETE FROM audit WHERE memory_namespace IS NOT NULL"  # noqa: S608 - constants
        f" AND {IN_NAMESPACE.replace('namespace', 'memory_namespace')}",
        prefix,
    )
    entries = connection.execute(
        f"DELETE FROM memory_entries WHERE {IN_NAMESPACE}",  # noqa: S608 - constants
        prefix,
    )
    return {"entries": entries.rowcount, "audit": trail.rowcount}


def policies(connection: sqlite3.Connection, _call: Call) -> dict[str, Any]:
    """Return the lifecycle policies, which are a memory of the service itself."""
    rules = _existing(connection, POLICIES)["value"]
    wanted = ("episodic_ttl_days", "versions_kept", "events_per_session")
    if not isinstance(rules, dict) or any(not isinstance(rules.get(n), int) for n in wanted):
        raise Conflict("the lifecycle policies have a shape that this release does not know")
    return {name: rules[name] for name in wanted}


def _name(given: Mapping[str, Any]) -> dict[str, str]:
    name = {"namespace": given.get("namespace"), "key": given.get("key")}
    if not all(isinstance(part, str) and part for part in name.values()):
        raise Invalid("namespace and key must be texts that are not empty")
    if ":" not in str(name["namespace"]):
        raise Invalid("a namespace has levels, such as user:alice")
    return {part: str(text) for part, text in name.items()}


def _existing(connection: sqlite3.Connection, name: Mapping[str, str]) -> dict[str, Any]:
    entry = current(connection, name)
    if entry is None:
        raise NotFound(f"there is no memory {name['namespace']} {name['key']}")
    return entry


def _insert(
    connection: sqlite3.Connection,
    call: Call,
    name: Mapping[str, str],
    memory_type: str,
    metadata: Mapping[str, Any],
) -> dict[str, Any]:
    if "value" not in call.body:
        raise Invalid("'value' is missing")
    now = clock.now()
    row = connection.execute(
        "INSERT INTO memory_entries (namespace, key, value, memory_type, version, metadata,"
        " created_by, updated_by, created_at, updated_at) SELECT :namespace, :key, :value,"
        " :memory_type, 1 + coalesce(max(version), 0), :metadata, :author, :author, :now, :now"
        " FROM memory_entries WHERE namespace = :namespace AND key = :key",
        {
            **name,
            "value": values.encode(call.body["value"]),
            "memory_type": memory_type,
            "metadata": json.dumps({**call.body.get("metadata", {}), **metadata}),
            "author": call.body.get("updated_by") or call.body.get("created_by"),
            "now": now,
        },
    )
    entry = connection.execute(f"{SELECT} WHERE id = :id", {"id": row.lastrowid}).fetchone()
    return decode(entry)


def _merge(connection: sqlite3.Connection, call: Call, name: dict[str, str]) -> dict[str, Any]:
    rows = connection.execute(f"{HISTORY.replace(' ORDER', ' AND is_deleted = 0 ORDER')}", name)
    versions = [decode(row) for row in rows]
    stale = [entry for entry in versions if "conflicts_with" in entry["metadata"]]
    first = min(entry["metadata"]["conflicts_with"] for entry in stale)
    sides = [entry for entry in versions if entry["version"] >= first]
    merged: Json = sides[-1]["value"]
    if all(isinstance(entry["value"], dict) for entry in sides):
        merged = {key: value for entry in sides for key, value in entry["value"].items()}
    for entry in sides:
        connection.execute("UPDATE memory_entries SET is_deleted = 1 WHERE id = :id", entry)
    origin = {"consolidated_from": [entry["version"] for entry in sides]}
    asked = Call(body={**call.body, "value": merged, "updated_by": "consolidation"})
    result = _insert(connection, asked, name, sides[-1]["memory_type"], origin)
    audit.record(connection, call, "consolidate", name["namespace"], result)
    return result


OPERATIONS = (
    Operation("GET", "/memory", get),
    Operation("POST", "/memory", create, writes=True, status=201),
    Operation("PUT", "/memory", update, writes=True),
    Operation("DELETE", "/memory", delete, writes=True),
    Operation("GET", "/memory/history", history),
    Operation("GET", "/memory/search", search),
    Operation("GET", "/memory/policies", policies),
    Operation("POST", "/memory/consolidate", consolidate, writes=True),
    Operation("DELETE", "/namespaces/{prefix}", forget, writes=True),
)
