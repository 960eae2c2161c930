"""How a memory's value is written into its column."""

from __future__ import annotations

import json

from abathur.operation import Json


def encode(value: Json) -> str:
    """Return the column's text for `value`, any JSON."""
    return json.dumps(value)


def decode(text: str) -> Json:
    """Return the value that `encode` was given."""
    return json.loads(text)
