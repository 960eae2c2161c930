"""Rules over time, from what a user wrote."""

from __future__ import annotations

from .fields import Fields
from .model import AT_LEAST
from .rules import Rule
from .rules_series import CONSECUTIVE, SUSTAINED, Deadline, Level, Streak


def read_streak(fields: Fields, direction: str) -> list[Rule]:
    """``sustained`` counts seconds, ``consecutive`` samples."""
    found: list[Rule] = []
    for kind in (SUSTAINED, CONSECUTIVE):
        below = fields.sub(kind)
        if below is not None:
            found.append(read_one(below, kind, direction))
            below.close()
    return found


def read_one(below: Fields, kind: str, direction: str) -> Streak:
    """Limit and target, each with how long a breach of it must be."""
    limit = below.number("limit")
    target = below.number("target", limit)
    if kind == SUSTAINED:
        below.get("for")
        lasting = below.seconds("for", 1.0)
        limits, targets = lasting, below.seconds("target_for", lasting)
    else:
        below.get("samples")
        limits = float(below.whole("samples", 2, least=2))
        targets = float(below.whole("target_samples", int(limits), least=1))
    if target < limit if direction == AT_LEAST else target > limit:
        below.problem("target", f"{target:g} is looser than the limit {limit:g}")
    if kind == SUSTAINED and below.has("target_for") and not below.has("target"):
        below.problem("target_for", "needs a target")
    hole = below.seconds("hole", 0.0, least=0.0) if below.has("hole") else None
    return Streak(kind, direction, Level(target, targets), Level(limit, limits), hole or None)


def read_deadline(fields: Fields, direction: str) -> list[Rule]:
    """What must be kept by a time after the deployment began."""
    below = fields.sub("deadline")
    if below is None:
        return []
    below.get("by")
    rule = Deadline(direction, below.number("limit"), below.seconds("by", 86400.0))
    below.close()
    return [rule]
