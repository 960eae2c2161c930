"""A gate's rules, from what a user wrote."""

from __future__ import annotations

from typing import Any

from .fields import Fields
from .model import AT_LEAST
from .rules import Absolute, Equals, Range, Relative, Rule


def read_rules(fields: Fields, direction: str, unit: str) -> tuple[Rule, ...]:
    """The rules of a gate: a limit, a range or one value, and what the baseline allows."""
    limit, target = fields.optional("limit"), fields.optional("target")
    equals, bounds = fields.optional("equals"), fields.get("range", None)
    relative = fields.sub("relative")
    rules: list[Rule] = []
    if limit is not None:
        rules.append(read_absolute(fields, direction, limit if target is None else target, limit))
    elif target is not None:
        fields.problem("target", "needs a limit: without one the gate can never turn red")
    if equals is not None:
        rules.append(Equals(equals))
    if bounds is not None:
        rules.append(read_range(fields, bounds))
    if relative is not None:
        rules.append(read_relative(relative, direction, unit))
    fixed = [rule for rule in rules if rule.kind in ("equals", "range")]
    if not rules:
        fields.problem("", "has no rule: give limit, range, equals or relative")
    elif fixed and len(rules) > 1:
        fields.problem(fixed[0].kind, "cannot be combined with another rule")
    return tuple(rules)


def read_absolute(fields: Fields, direction: str, target: float, limit: float) -> Absolute:
    """Target and limit, the target being the stricter one."""
    if target < limit if direction == AT_LEAST else target > limit:
        side = "below" if direction == AT_LEAST else "above"
        fields.problem(
            "target", f"{target:g} is {side} the limit {limit:g}: amber comes before red"
        )
    return Absolute(direction, target, limit)


def read_range(fields: Fields, bounds: Any) -> Range:
    """A range from low to high."""
    both = bounds if isinstance(bounds, (list, tuple)) and len(bounds) == 2 else (None, None)
    ends = Fields({"low": both[0], "high": both[1]}, f"{fields.path}.range", fields.problems)
    low, high = ends.number("low"), ends.number("high")
    if not low <= high:
        fields.problem("range", f"{low:g} is above {high:g}")
    return Range(low, high)


def read_relative(fields: Fields, direction: str, unit: str) -> Relative:
    """A limit from the baseline: exactly one of factor, percent and points."""
    fields.choice("to", ("baseline",))
    given = [how for how in Relative.classes if fields.has(f"max_{how}")]
    how = given[0] if given else "factor"
    if len(given) != 1:
        fields.problem("", "needs exactly one of max_factor, max_percent, max_points")
    limit = fields.number(f"max_{how}") if given else 1.0
    target = fields.number(f"target_{how}", limit)
    least = 1.0 if how == "factor" else 0.0
    if not least <= target <= limit:
        fields.problem(f"max_{how}", f"needs {least:g} <= target_{how} <= max_{how}")
    if how == "points" and unit != "%":
        fields.problem("max_points", f"percentage points are for the unit %, not {unit}")
    ignore = fields.optional("ignore_below")
    if ignore is not None and direction == AT_LEAST:
        fields.problem("ignore_below", "has no meaning where more is better")
    fields.close()
    return Relative(how, direction, target, limit, ignore)
