"""A gate's rules, from what a user wrote."""

from __future__ import annotations

import math
from typing import Any

from .fields import Fields
from .model import AT_LEAST
from .rules import Absolute, Band, Equals, Range, Rule
from .rules_relative import BASELINE, SAME_HOUR, WAYS, Relative, RelativeRange
from .spec_series import read_deadline, read_streak
from .spec_tests import read_counts, read_ranks


def read_rules(fields: Fields, direction: str, unit: str) -> tuple[Rule, ...]:
    """The rules of a gate, all of which are asked; the worst answer is the gate's."""
    rules: list[Rule] = [
        *read_fixed(fields, direction),
        *read_relative(fields, direction, unit),
        *read_streak(fields, direction),
        *read_deadline(fields, direction),
        *read_counts(fields, direction, unit),
        *read_ranks(fields, direction),
    ]
    fixed = [rule for rule in rules if rule.kind in ("equals", "range")]
    if not rules:
        fields.problem("", "has no rule: give limit, range, equals or relative")
    elif fixed and len(rules) > 1:
        fields.problem(fixed[0].kind, "cannot be combined with another rule")
    return tuple(rules)


def read_fixed(fields: Fields, direction: str) -> list[Rule]:
    """What does not depend on anything measured: limit and target, one value, a range."""
    limit, target = fields.optional("limit"), fields.optional("target")
    equals, bounds = fields.optional("equals"), fields.get("range", None)
    rules: list[Rule] = []
    if limit is not None:
        rules.append(read_absolute(fields, direction, limit if target is None else target, limit))
    elif target is not None:
        fields.problem("target", "needs a limit: without one the gate can never turn red")
    if equals is not None:
        rules.append(Equals(equals))
    if bounds is not None:
        rules.append(read_range(fields, bounds))
    elif fields.has("target_range"):
        fields.problem("target_range", "needs a range: without one the gate can never turn red")
    return rules


def read_absolute(fields: Fields, direction: str, target: float, limit: float) -> Absolute:
    """Target and limit, the target being the stricter one."""
    if target < limit if direction == AT_LEAST else target > limit:
        side = "below" if direction == AT_LEAST else "above"
        fields.problem(
            "target", f"{target:g} is {side} the limit {limit:g}: amber comes before red"
        )
    return Absolute(direction, target, limit)


def read_range(fields: Fields, bounds: Any) -> Range:
    """A range from low to high, and the narrower one that is the target."""
    low, high = read_band(fields, "range", bounds, closed=True)
    target = read_target(fields, (low, high))
    return Range(low or 0.0, high or 0.0, target)


def read_band(fields: Fields, key: str, bounds: Any, closed: bool = False) -> Band:
    """A band of two numbers; one of them may be null unless it is closed."""
    both = bounds if isinstance(bounds, (list, tuple)) and len(bounds) == 2 else (None, None)
    ends = Fields({"low": both[0], "high": both[1]}, f"{fields.path}.{key}", fields.problems)
    read = ends.number if closed else ends.optional
    low, high = read("low"), read("high")
    if low is None and high is None:
        fields.problem(key, "must be [low, high], of which one may be null")
    elif low is not None and high is not None and not low <= high:
        fields.problem(key, f"{low:g} is above {high:g}")
    return low, high


def read_target(fields: Fields, limit: Band) -> Band:
    """The target of a band: the limit itself, or ``target_range`` inside it."""
    if not fields.has("target_range"):
        return limit
    target = read_band(fields, "target_range", fields.get("target_range"))
    (least, most), (low, high) = as_ends(limit), as_ends(target)
    if not (least <= low and high <= most):
        fields.problem("target_range", "must lie inside the range: amber comes before red")
    return target


def as_ends(band: Band) -> tuple[float, float]:
    """The ends of a band, an open one being infinite."""
    low, high = band
    return -math.inf if low is None else low, math.inf if high is None else high


def read_relative(fields: Fields, direction: str, unit: str) -> list[Rule]:
    """What the baseline allows: exactly one of a factor, percent and points, at most or a range."""
    below = fields.sub("relative")
    if below is None:
        return []
    to = below.choice("to", (BASELINE, SAME_HOUR))
    keys = [f"{kind}_{how}" for kind in ("max", "range") for how in WAYS]
    given = [key for key in keys if below.has(key)]
    if len(given) != 1:
        below.problem("", f"needs exactly one of {', '.join(keys)}")
    kind, _, how = (given[0] if given else "max_factor").partition("_")
    if how == "points" and unit != "%":
        below.problem(f"{kind}_points", f"percentage points are for the unit %, not {unit}")
    rule: Rule
    if kind == "range":
        band = read_band(below, f"range_{how}", below.get(f"range_{how}"))
        if how == "factor" and any(end is not None and end < 0 for end in band):
            below.problem("range_factor", "a factor is not below 0")
        rule = RelativeRange(how, read_target(below, band), band, to)
    else:
        rule = read_at_most(below, how, direction, to)
    below.close()
    return [rule]


def read_at_most(below: Fields, how: str, direction: str, to: str) -> Relative:
    """How much worse than the baseline is amber, and how much is red."""
    limit = below.number(f"max_{how}") if below.has(f"max_{how}") else 1.0
    target = below.number(f"target_{how}", limit)
    least = 1.0 if how == "factor" else 0.0
    if not least <= target <= limit:
        below.problem(f"max_{how}", f"needs {least:g} <= target_{how} <= max_{how}")
    ignore = below.optional("ignore_below")
    if ignore is not None and direction == AT_LEAST:
        below.problem("ignore_below", "has no meaning where more is better")
    return Relative(how, direction, target, limit, ignore, to)
