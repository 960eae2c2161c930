"""The HTTP API of a Prometheus server: queries, and answers that are read strictly.

API: https://prometheus.io/docs/prometheus/latest/querying/api/ . A value comes as text; "NaN" and
"+Inf" are among what it may be, and are no samples.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from ..model import SourceFault
from ..prometheus_text import NUMBER
from .http import read_answer, refuse_constant, require_ok

REFUSED = "the server refuses the query"
ANNOTATIONS = ("PromQL info", "PromQL warning")
"""How warnings begin that are about the query's text. Every other one says that some of the data
could not be read: then the answer is a part of it."""
MOST_WORDS = 200


@dataclass(frozen=True)
class Series:
    """A series of an answer: its labels, and its values with their times (seconds since 1970)."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, object], ...]


@dataclass(frozen=True)
class Answer:
    """What a query gave, with what the server remarks about the query."""

    series: tuple[Series, ...]
    remarks: tuple[str, ...] = ()


def read_query(url: str, path: str, parameters: Mapping[str, Any], deadline: float) -> Answer:
    """Ask a server. Raises SourceFault when it refuses, fails, or answers with a part only."""
    address = f"{url.rstrip('/')}/api/v1/{path}?{urlencode(parameters)}"
    answer = read_answer(address, deadline, "application/json")
    if answer.status not in (400, 422):
        require_ok(answer, "application/json")
    try:
        document = json.loads(answer.body, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise SourceFault(f"the answer is not JSON: {error!s:.80}") from error
    if not isinstance(document, dict) or document.get("status") != "success":
        said = document.get("error") if isinstance(document, dict) else None
        raise SourceFault(f"{REFUSED}: {said!s:.{MOST_WORDS}}")
    return Answer(series_in(document.get("data")), remarks_in(document))


def remarks_in(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The server's remarks. Raises SourceFault when one says that data are missing."""
    said: list[str] = []
    for key in ("warnings", "infos"):
        listed = document.get(key) or []
        said += [str(one)[:MOST_WORDS] for one in listed] if isinstance(listed, list) else ["?"]
    partial = [one for one in said if not one.startswith(ANNOTATIONS)]
    if partial:
        raise SourceFault(f"the answer is only a part: {partial[0]}")
    return tuple(said)


def series_in(data: object) -> tuple[Series, ...]:
    """The series of an instant or a range query."""
    kind, result = (
        (data.get("resultType"), data.get("result")) if isinstance(data, dict) else ("", 0)
    )
    try:
        if kind == "scalar":
            return (Series({}, (point(result),)),)
        if kind == "vector" and isinstance(result, list):
            return tuple(Series(dict(one["metric"]), (point(one["value"]),)) for one in result)
        if kind == "matrix" and isinstance(result, list):
            return tuple(
                Series(dict(one["metric"]), tuple(point(p) for p in one["values"]))
                for one in result
            )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise SourceFault(
            "the answer is not in the form of the API: series without value"
        ) from error
    raise SourceFault(f"the answer is a {kind!s:.20}, not numbers")


def point(pair: Any) -> tuple[float, object]:
    """A time and its value; a text that is no number stays a text, which is no sample."""
    stamp, text = pair
    if not isinstance(stamp, (int, float)) or isinstance(stamp, bool):
        raise TypeError("a time must be a number")
    number = isinstance(text, str) and NUMBER.match(text)
    return float(stamp), float(text) if number else text


def at_each(series: Sequence[Series]) -> dict[float, list[tuple[Mapping[str, str], object]]]:
    """The values of all series by their time."""
    found: dict[float, list[tuple[Mapping[str, str], object]]] = {}
    for one in series:
        for stamp, value in one.points:
            found.setdefault(stamp, []).append((one.labels, value))
    return found
