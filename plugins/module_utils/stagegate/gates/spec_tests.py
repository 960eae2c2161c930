"""Statistical rules, from what a user wrote."""

from __future__ import annotations

from .fields import Fields
from .model import AT_LEAST
from .rules import Rule
from .rules_relative import BASELINE
from .rules_tests import CountTest, RankTest

ALPHA = 0.01
"""How often a release that is no worse turns a test red."""

POWER = 0.8
"""How often a test must notice the change that its author wants to see."""

POINTS = 50
"""Independent samples on each side of a rank test: with fewer, +10 % at a spread of 10 % is missed
in every second test."""


def read_counts(fields: Fields, direction: str, unit: str) -> list[Rule]:
    """An exact test of counts: against the baseline's, or against a fixed rate."""
    below = fields.sub("counts")
    if below is None:
        return []
    if below.has("to") == below.has("rate"):
        below.problem("", "needs exactly one of to: baseline and rate")
    if below.has("to"):
        below.choice("to", (BASELINE,))
    rate, see = below.optional("rate"), below.number("see")
    if rate is not None and not (see < rate if direction == AT_LEAST else see > rate):
        below.problem("see", f"{see:g} {unit} is no worse than the rate {rate:g} {unit}")
    alpha = read_share(below, "alpha", ALPHA, most=0.2)
    target = read_share(below, "target_alpha", alpha, most=0.5)
    if not target >= alpha:
        below.problem("target_alpha", f"is below alpha {alpha:g}: amber comes before red")
    power = read_share(below, "power", POWER, most=0.999)
    below.close()
    return [CountTest(direction, rate, see, alpha, target, power)]


def read_ranks(fields: Fields, direction: str) -> list[Rule]:
    """A rank test against the baseline's samples."""
    below = fields.sub("ranks")
    if below is None:
        return []
    below.choice("to", (BASELINE,))
    limit = below.number("max_percent")
    target = below.number("target_percent", limit)
    see = below.number("see_percent")
    if not 0 <= target <= limit:
        below.problem("max_percent", "needs 0 <= target_percent <= max_percent")
    if not see > limit:
        below.problem("see_percent", f"must be more than max_percent {limit:g}")
    if direction == AT_LEAST and not see < 100:
        below.problem("see_percent", "must be less than 100: nothing falls by more")
    rule = RankTest(
        direction=direction,
        target=target,
        limit=limit,
        see=see,
        alpha=read_share(below, "alpha", ALPHA, most=0.2),
        power=read_share(below, "power", POWER, most=0.999),
        points=below.whole("points", POINTS, least=20),
    )
    below.close()
    return [rule]


def read_share(below: Fields, key: str, default: float, most: float) -> float:
    """A probability above 0 and up to a bound beyond which it is no test any more."""
    value = below.number(key, default)
    if not 0 < value <= most:
        below.problem(key, f"must be above 0 and at most {most:g}, not {value:g}")
        return default
    return value
