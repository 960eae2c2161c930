"""How a memory's value is written into its column: in an envelope that names its format."""

from __future__ import annotations

import json

from abathur.operation import Json

FORMAT = 2


def encode(value: Json) -> str:
    """Return the column's text for `value`, any JSON."""
    return json.dumps({"format": FORMAT, "body": value})


def decode(text: str) -> Json:
    """Return the value that `encode` was given."""
    envelope = json.loads(text)
    if not isinstance(envelope, dict) or envelope.get("format") != FORMAT:
        raise ValueError("a memory's value is not in this release's format")
    return envelope["body"]
