"""What this release's sessions have beyond the base ones: a priority and a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from abathur.operation import Invalid

COLUMNS = ("priority", "last_activity_at")


def on_create(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the priority, 5 unless the caller gives another from 1 to 9."""
    priority = body.get("priority", 5)
    if priority not in range(1, 10):
        raise Invalid("priority must be a number from 1 to 9")
    return {"priority": priority}


def on_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return when the event happened."""
    return {"last_activity_at": event["timestamp"]}
