"""Values of a Prometheus server with the age of the data behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..model import SourceFault
from ..samples import unfit
from .prometheus_api import REFUSED, Answer, Series, at_each

Labelled = Sequence[tuple[Mapping[str, str], object]]


@dataclass(frozen=True)
class Look:
    """The series at one time: seconds before the look, and how old the data were then."""

    ago: float
    values: Labelled
    age: float


@dataclass(frozen=True)
class Looks:
    """What one question brought: one look, or with ``range`` one for each step of the window."""

    looks: tuple[Look, ...]
    remarks: tuple[str, ...] = ()


def looks_in(value: Answer, fresh: Answer, end: float | None) -> Looks:
    """Values with the age of their data. Raises SourceFault when either query found nothing."""
    for name, answer in (("query", value), ("fresh_by", fresh)):
        if not answer.series:
            raise SourceFault(f"no series match the {name}")
    if end is None:
        [(_, values)] = one_time(value.series)
        [(asked, stamps)] = one_time(fresh.series)
        return Looks((Look(0.0, values, asked - oldest(stamps)),), value.remarks)
    known = at_each(fresh.series)
    looks = tuple(
        Look(end - stamp, values, stamp - oldest(known[stamp]))
        for stamp, values in sorted(at_each(value.series).items())
        if stamp in known
    )
    return Looks(looks, value.remarks)


def one_time(series: Sequence[Series]) -> list[tuple[float, Labelled]]:
    """The one time of an instant query, with its values. Raises SourceFault for a range."""
    found = list(at_each(series).items())
    if len(found) != 1:
        raise SourceFault(f"{REFUSED}: it gives a series over time, not one value")
    return [found[0]]


def oldest(stamps: Labelled) -> float:
    """The oldest of the newest samples; NaN, which is never young, when one is no number."""
    times = [value for _, value in stamps]
    if any(unfit(value) for value in times):
        return float("nan")
    return min(float(value) for value in times)  # type: ignore[arg-type]


def aggregated(how: str, values: list[object]) -> object:
    """One value of several; with ``one`` there must be exactly one."""
    if how == "one":
        if len(values) != 1:
            raise SourceFault(f"{len(values)} series match: name an aggregate, or sum in the query")
        return values[0]
    for value in values:
        if unfit(value):
            return value
    numbers = [float(value) for value in values]  # type: ignore[arg-type]
    if how == "sum":
        return sum(numbers)
    return max(numbers) if how == "max" else min(numbers)
