"""What a release may do to the data of a store, in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import BadInput

NUMBERS = ("added", "deleted", "changed")

Bounds = dict[str, tuple[int, int]]
"""The lowest and the highest number that is right, by kind of change."""


def own_changes(params: Mapping[str, Any]) -> object:
    """``release.expected_changes`` without what it says of the run's other stores.

    Tables are declared by their name, stores without tables by their own.
    """
    rules = (params.get("release") or {}).get("expected_changes") or {}
    plan = params["run"].get("plan") or {}
    others = set(plan.get("stores") or ()) - {params["store"].get("name")}
    if not isinstance(rules, Mapping):
        return rules
    return {name: rule for name, rule in rules.items() if name not in others}


def read_bounds(value: object, name: str) -> Bounds:
    """Read ``release.expected_changes.<store>``; raise BadInput for what cannot be."""
    path = f"release.expected_changes.{name}"
    rules = value or {}
    if not isinstance(rules, Mapping):
        raise BadInput(f"{path} must map {', '.join(NUMBERS)} to numbers")
    for key in rules:
        if key not in NUMBERS:
            raise BadInput(f"{path}.{key}: unknown key; known here: {', '.join(NUMBERS)}")
    return {key: bounds(rules[key], f"{path}.{key}") for key in NUMBERS if key in rules}


def bounds(value: object, path: str) -> tuple[int, int]:
    """A number as its bounds: ``3`` is exact, ``{at_most: 3}`` is what live data may shrink to."""
    lowest = value
    if isinstance(value, Mapping):
        if set(value) != {"at_most"}:
            raise BadInput(f"{path} must be a number, or {{at_most: number}}")
        lowest, value = 0, value["at_most"]
    if isinstance(value, bool) or not str(value).isdigit():
        raise BadInput(f"{path}: {value!r} must be a whole number, 0 or more")
    return int(str(lowest)), int(str(value))


def undeclared(
    kind: str, number: int, words: str, declared: Bounds, first: Sequence[object]
) -> list[str]:
    """One number against its declaration: nothing, or what is wrong with the first of them."""
    lowest, highest = declared.get(kind, (0, 0))
    if lowest <= number <= highest:
        return []
    said = f"declared: {lowest if lowest == highest else f'at most {highest}'}"
    shown = f"; first: {', '.join(map(str, first))}" if first else ""
    return [f"{number} {words} ({said}{shown})"]
