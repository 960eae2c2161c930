"""What this release's sessions have beyond the base ones; a later release replaces this file.

`COLUMNS` are read with every session; the functions say what goes into them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COLUMNS: tuple[str, ...] = ()


def on_create(body: Mapping[str, Any]) -> dict[str, Any]:
    """Say what a session created from `body` puts into the columns of this release."""
    return {}


def on_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Say what appending `event` puts into the columns of this release."""
    return {}
